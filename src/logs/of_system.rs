//! The log of all processes, in the order in which it happened. It needs no database.

use agentlab_domain::exit_code;
use std::path::{Path, PathBuf};

use agentlab_platform::{calendar, clock, home::Home, retention, tail::Tail};

use super::entry::Entry;
use crate::{args, failure::Failure, print, system::LOOK};

/// Lines that are shown where nobody says which.
const TAIL: usize = 100;

/// What is shown of it.
struct Wanted<'a> {
    role: Option<&'a str>,
    request: Option<&'a str>,
    since: Option<String>,
}

/// Prints what is asked for; with `follow` for ever.
pub(super) async fn print(asked: &args::Logs, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    let since = asked.since.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let wanted = Wanted {
        role: asked.role.as_deref(),
        request: asked.request.as_deref(),
        since: since.map(|age| calendar::utc(clock::now_ms().saturating_sub(age))),
    };
    let mut tails: Vec<(String, Lines)> = Vec::new();
    let mut first = true;
    loop {
        for entry in std::fs::read_dir(home.logs())?.filter_map(Result::ok) {
            let path = entry.path();
            let known = tails.iter().any(|(_, tail)| tail.path() == path);
            if !known && let Some(of) = wanted.file(&entry.file_name().to_string_lossy()) {
                tails.push((of, Lines::of(path)));
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (of, tail) in &mut tails {
            let lines = tail.lines().into_iter();
            entries.extend(lines.map(|line| Entry::read(of, line)).filter(|entry| wanted.has(entry)));
        }
        entries.sort_by(|a, b| a.line.cmp(&b.line));
        let all = !first || wanted.since.is_some() || wanted.request.is_some();
        let skip = if all { 0 } else { entries.len().saturating_sub(TAIL) };
        for entry in entries.iter().skip(skip) {
            if as_json { print::line(&entry.line) } else { print::coloured(&entry.words()) }
        }
        if !asked.follow {
            if first && entries.is_empty() {
                print::note("nothing was logged that is asked for; logs are kept for seven days");
            }
            return Ok(exit_code::DONE);
        }
        first = false;
        tokio::time::sleep(LOOK).await;
    }
}

/// A log: one that grows, or an archive that is read once.
enum Lines {
    Growing(Tail),
    Archived(PathBuf, bool),
}

impl Lines {
    fn of(path: PathBuf) -> Self {
        if path.extension().is_some_and(|kind| kind == "gz") {
            Self::Archived(path, false)
        } else {
            Self::Growing(Tail::of(path))
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Growing(tail) => tail.path(),
            Self::Archived(path, _) => path,
        }
    }

    fn lines(&mut self) -> Vec<String> {
        match self {
            Self::Growing(tail) => tail.lines(),
            Self::Archived(path, read) if !*read => {
                *read = true;
                retention::read_archive(path)
            }
            Self::Archived(_, _) => Vec::new(),
        }
    }
}

impl Wanted<'_> {
    /// Whose log this file is (`worker-1.2026-11-22.jsonl`), where that one's is wanted.
    fn file(&self, name: &str) -> Option<String> {
        // Old ones are in archives, where the disk was nearly full.
        let (of, _) = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".jsonl")?.rsplit_once('.')?;
        let role = of.split_once('-').map_or(of, |(role, _)| role);
        self.role.is_none_or(|wanted| wanted == role).then(|| of.to_owned())
    }

    fn has(&self, entry: &Entry) -> bool {
        // The beginning of an id names it, as people copy it from the words.
        let request = self.request.is_none_or(|wanted| entry.request().starts_with(wanted));
        // To the second, in which both forms agree.
        let time = |text: &str| text.get(..19).unwrap_or_default().to_owned();
        request && self.since.as_deref().is_none_or(|since| time(entry.text("timestamp")) >= time(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'a>(role: Option<&'a str>, request: Option<&'a str>, since: Option<&str>) -> Wanted<'a> {
        Wanted { role, request, since: since.map(str::to_owned) }
    }

    #[test]
    fn a_role_is_all_its_processes() {
        let all = ["worker-1.2026-11-22.jsonl", "worker-12.2026-11-22.jsonl", "shim.2026-11-22.jsonl.gz", "bot.err"];
        let of = |role| all.iter().filter_map(|name| wanted(role, None, None).file(name)).collect::<Vec<_>>();
        assert_eq!(of(Some("worker")), ["worker-1", "worker-12"]);
        assert_eq!(of(None), ["worker-1", "worker-12", "shim"]);
    }

    #[test]
    fn a_line_is_chosen_by_its_time_and_its_request() {
        let entry = |id: &str| {
            Entry::read("bot", format!("{{\"timestamp\":\"2026-11-22T04:05:06.789Z\",\"request.id\":\"{id}\"}}"))
        };
        let since = |at| wanted(None, None, Some(at)).has(&entry("ab12"));
        assert!(since("2026-11-22T04:05:06Z") && since("2026-11-21T23:00:00Z") && !since("2026-11-22T04:05:07Z"));
        assert!(wanted(None, Some("ab12"), None).has(&entry("ab1234")));
        assert!(!wanted(None, Some("ab12"), None).has(&entry("cd")));
    }
}
