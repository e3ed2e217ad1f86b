//! The crash history: one line of JSON for each start and each crash of a long-lived process. It needs no database; the rows
//! in `crash` follow it. Each line is appended in one write, so that processes do not mix theirs, and one old part is kept.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use agentlab_domain::{
    crash::{self, Born, How, Kind, Release, Spans, Suspicion},
    role::{Post, Role},
};
use serde::{Deserialize, Serialize};

use crate::{
    clock,
    death::Death,
    home::Home,
    identity::Identity,
    lock::{Lock, Mode},
    pulse::Beat,
    redaction::Redaction,
    release,
};

/// The file is set aside when it is longer than this.
const LONGEST: u64 = 512 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unix milliseconds.
    pub at: i64,
    pub kind: Kind,
    /// The post: `worker-1`.
    pub process: String,
    /// Unique per process start.
    pub name: Option<String>,
    pub version: String,
    pub commit: Option<String>,
    /// How it ended and its last words; empty for a start.
    pub reason: String,
    #[serde(default)]
    pub was_ready: Option<bool>,
    /// With this crash its release came under suspicion.
    pub suspect: bool,
    /// It went down with its supervisor, or beside it: that says nothing about its release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

impl Entry {
    /// The post, unless the line is of a release that knew others.
    pub fn post(&self) -> Option<Post> {
        Post::parse(&self.process)
    }

    /// The release.
    pub fn release(&self) -> Release {
        Release { version: self.version.clone(), commit: self.commit.clone() }
    }
}

/// The spans within which crashes count, as tests shorten them.
pub fn spans() -> Spans {
    let Spans { together_ms, young_ms } = Spans::default();
    Spans { together_ms: clock::scaled_ms(together_ms), young_ms: clock::scaled_ms(young_ms) }
}

/// Appends a line.
pub fn append(home: &Home, entry: &Entry) -> io::Result<()> {
    let path = home.crash_history();
    make_room(home, &path)?;
    let mut file = OpenOptions::new().read(true).create(true).append(true).mode(0o600).open(&path)?;
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    if ends_within_a_line(&mut file)? {
        line.insert(0, b'\n');
    }
    // Not `write_all`: a second write might come behind somebody else's.
    let written = file.write(&line)?;
    if written < line.len() {
        return Err(io::Error::other("the disk took only a part of the line"));
    }
    Ok(())
}

/// Every line, oldest first; what cannot be read is passed over.
pub fn read(home: &Home) -> Vec<Entry> {
    let path = home.crash_history();
    let mut entries = Vec::new();
    for part in [old_part(&path), path] {
        let text = fs::read(part).unwrap_or_default();
        entries.extend(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()));
    }
    entries
}

/// The process `name` begins at its post. A supervisor notes first how the one before it ended: nobody else would.
pub(crate) fn began(home: &Home, post: Post, name: &str, before: Option<&Beat>) {
    if post.role == Role::Supervisor
        && let Some(death) = before.and_then(|beat| left_behind(post, beat))
    {
        note(home, &death, &Redaction::default(), &[]);
    }
    let release = release::current();
    let start = Entry {
        at: clock::now_ms(),
        kind: Kind::Start,
        process: post.to_string(),
        name: Some(name.to_owned()),
        version: release.version.to_owned(),
        commit: release.commit.map(str::to_owned),
        reason: String::new(),
        was_ready: None,
        suspect: false,
        unseen: false,
    };
    if let Err(error) = append(home, &start) {
        tracing::warn!(%error, "the crash history cannot be written");
    }
}

/// The death of whoever said this last, whom nobody watched. A reboot is none, and neither is a program that took its own
/// place. Its post must be proved empty, or be our own.
pub fn left_behind(post: Post, beat: &Beat) -> Option<Death> {
    let own = Identity::own().ok()?;
    let is_death = own.boot == beat.identity.boot && own != beat.identity;
    is_death.then(|| Death::after(post, beat.clone(), How::Unseen))
}

/// Notes a death, if it was a crash that is not known yet; `more` are crashes that the file may lack. Returns the line,
/// and the suspicion that its release came under with it.
pub fn note(home: &Home, death: &Death, secrets: &Redaction, more: &[Entry]) -> Option<(Entry, Option<Suspicion>)> {
    if !crash::is_crash(&death.how, death.asked) {
        return None;
    }
    let mut known = read(home);
    known.extend(more.iter().filter(|entry| !known.contains(entry)).cloned().collect::<Vec<_>>());
    let crashes = || known.iter().filter(|entry| entry.kind == Kind::Crash);
    if death.name.is_some() && crashes().any(|entry| entry.name == death.name) {
        return None;
    }
    let mut entry = Entry {
        at: death.at,
        kind: Kind::Crash,
        process: death.post.to_string(),
        name: death.name.clone(),
        version: death.release.version.clone(),
        commit: death.release.commit.clone(),
        // Before it is cut: half a secret would be found no more.
        reason: crash::words(&death.how, death.last.as_deref().map(|last| secrets.text(last)).as_deref()),
        was_ready: death.was_ready,
        suspect: false,
        // The end of a supervisor is seen by its successor alone, so it counts.
        unseen: death.how == How::Unseen && death.post.role != Role::Supervisor,
    };
    let found = judge(crashes().chain([&entry]), &entry, death.born);
    entry.suspect = found.is_some();
    if let Err(error) = append(home, &entry) {
        tracing::error!(%error, process = entry.process, reason = entry.reason, "a crash could not be noted");
    }
    Some((entry, found))
}

/// Whether the release of a crash was suspect with it; `crashes` are all up to that one.
pub fn judge<'a>(crashes: impl Iterator<Item = &'a Entry>, last: &Entry, born: Born) -> Option<Suspicion> {
    if last.unseen {
        return None;
    }
    let crashes = crashes.filter(|entry| !entry.unseen).map(|entry| (entry.at, entry.release()));
    let crashes: Vec<(i64, Release)> = crashes.collect();
    crash::suspicion(&last.release(), born, &crashes, last.at, spans())
}

/// Sets a full file aside; one process at a time, so that none sets aside what another has just begun.
fn make_room(home: &Home, path: &Path) -> io::Result<()> {
    let is_full = || fs::metadata(path).is_ok_and(|file| file.len() > LONGEST);
    if is_full()
        && let Some(_turn) = Lock::try_take(&home.lock("crash_history"), Mode::Exclusive)?
        && is_full()
    {
        fs::rename(path, old_part(path))?;
    }
    Ok(())
}

fn old_part(path: &Path) -> PathBuf {
    path.with_extension("old.jsonl")
}

/// Whether a full disk once cut the last line.
fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
