//! Old logs. Each process removes its own after seven days; where the disk is nearly full those that nobody writes any more are put into
//! archives (gzip), which `agentlab logs` reads alike, and which go after the same seven days.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use agentlab_domain::retention::Pressure;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use crate::{clock, files};

const LOG: &str = ".jsonl";
const ARCHIVE: &str = ".jsonl.gz";

/// Removes archives older than that, and under pressure makes new ones. How many were made.
pub(super) fn keep(logs: &Path, before: i64, pressure: Pressure) -> io::Result<u64> {
    files::tidy_halves(logs);
    let mut names: Vec<String> =
        fs::read_dir(logs)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    for name in names.iter().filter(|name| name.ends_with(ARCHIVE)) {
        let path = logs.join(name);
        if fs::metadata(&path)?.modified().map(clock::unix_ms)? < before {
            files::remove(&path)?;
        }
    }
    let mut made = 0;
    if pressure == Pressure::Pressed {
        for name in left_alone(&names) {
            archive(&logs.join(name))?;
            made += 1;
        }
    }
    Ok(made)
}

/// The logs that nobody writes any more: of each process (`bot.2026-11-22.jsonl`) all but the newest.
fn left_alone(names: &[String]) -> Vec<&String> {
    let of = |name: &str| name.strip_suffix(LOG)?.rsplit_once('.').map(|(process, _)| process.to_owned());
    let newer = |name: &String| names.iter().any(|other| other > name && of(other) == of(name));
    names.iter().filter(|name| of(name).is_some() && newer(name)).collect()
}

/// Puts a log into an archive in its place, with its age.
fn archive(log: &Path) -> io::Result<()> {
    let target = PathBuf::from(format!("{}.gz", log.display()));
    let half = files::beside(&target);
    let mut from = File::open(log)?;
    let modified = from.metadata()?.modified()?;
    let mut made = File::options().write(true).create_new(true).open(&half).and_then(|to| {
        let mut to = GzEncoder::new(to, Compression::default());
        io::copy(&mut from, &mut to)?;
        let to = to.finish()?;
        to.set_modified(modified)?;
        to.sync_all()
    });
    if made.is_ok() {
        made = fs::rename(&half, &target).and_then(|()| files::sync_folder(&target)).and_then(|()| files::remove(log));
    }
    if made.is_err() {
        let _ = fs::remove_file(&half);
    }
    made
}

/// The lines of an archived log; of one that was cut off those before that.
pub fn read_archive(path: &Path) -> Vec<String> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    BufReader::new(GzDecoder::new(file)).lines().map_while(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn under_pressure_all_but_the_newest_of_each_process_are_archived_and_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path();
        for name in ["bot.2026-11-20.jsonl", "bot.2026-11-21.jsonl", "worker-1.2026-11-20.jsonl", "bot.err"] {
            fs::write(logs.join(name), format!("{name}\nsecond\n")).unwrap();
        }
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(24 * 5);
        File::options().append(true).open(logs.join("bot.2026-11-20.jsonl")).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(keep(logs, 0, Pressure::Enough).unwrap(), 0);
        assert_eq!(keep(logs, 0, Pressure::Pressed).unwrap(), 1);
        let left = ["bot.2026-11-20.jsonl.gz", "bot.2026-11-21.jsonl", "bot.err", "worker-1.2026-11-20.jsonl"];
        assert_eq!(names(logs), left);
        assert_eq!(read_archive(&logs.join(left[0])), ["bot.2026-11-20.jsonl", "second"]);
        assert_eq!(keep(logs, 0, Pressure::Pressed).unwrap(), 0, "once");
        // It is as old as the log was, and goes as that would have.
        keep(logs, clock::unix_ms(long_ago), Pressure::Enough).unwrap();
        assert_eq!(names(logs).len(), 4);
        keep(logs, clock::unix_ms(long_ago) + 1, Pressure::Enough).unwrap();
        assert_eq!(names(logs).len(), 3);
    }
}
