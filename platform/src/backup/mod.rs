//! Backups: `backups/NUMBER-TIME/` with a copy of the database, of the configuration and of the instructions, and `backup.json`, which
//! says what is in it. A *backup* is one that was begun with in a scratch file and found sound before it came to its name: what
//! cannot be restored is none. When one is due and which are kept is decided in `agentlab_domain::backup`.

mod keep;
mod second;
mod take;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use agentlab_domain::backup::Reason;
use serde::{Deserialize, Serialize};

pub use second::{copied, has_copy, none_wanted, uncopied};
pub use take::{Taken, Turn, take, take_in, turn};
pub use verify::{Fault, known_bad, verify};

use crate::{calendar, clock, db::DbError, files, home::Home};

/// The copy of the database in the folder of a backup.
pub const DATABASE: &str = "agentlab.db";
/// What is known of a backup, in the same folder.
const RECORD: &str = "backup.json";
/// Why the last attempt failed, in `backups/`; not there when it did not.
const FAILURE: &str = "failed.json";

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("another process makes a backup now: try again when it is done")]
    Busy,
    #[error("{path:?}: {error}. Is there room, and may agentlab write there? `df -h` shows the room")]
    File { path: PathBuf, error: io::Error },
    #[error("the database cannot be copied: {0}")]
    Copy(DbError),
    #[error("what was copied cannot be restored, so it is no backup: {0}")]
    Unsound(Fault),
    #[error("whether what was copied can be restored could not be tried, so it is no backup: {0}")]
    Untried(Fault),
}

impl BackupError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

/// What is known of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The name of its folder.
    #[serde(skip_deserializing)]
    pub name: String,
    /// It only grows: by it they are ordered, and not by a clock that may be set.
    pub number: u64,
    /// When it was made, Unix milliseconds.
    pub at: i64,
    /// The release that made it.
    pub version: String,
    /// Bytes of the copy of the database, and their SHA-256.
    pub bytes: u64,
    pub sha256: String,
    /// How many rows each table holds.
    pub rows: BTreeMap<String, i64>,
    /// When it was last begun with in a scratch file and found sound, Unix milliseconds.
    pub verified_at: i64,
    /// Why it was made.
    #[serde(default)]
    pub reason: Reason,
    /// The number of the last transaction in it: what the journal has above it came later.
    #[serde(default)]
    pub seq: i64,
    /// Of which database it is, for the journal.
    #[serde(default)]
    pub db: String,
    /// Why it cannot be restored, in words, as the last try found; nothing where it can be.
    #[serde(default)]
    pub bad: Option<String>,
}

impl Backup {
    /// How long ago it was made, in milliseconds; one from the future was made by a clock that has been set back since.
    pub fn age_ms(&self) -> i64 {
        (clock::now_ms() - self.at).max(0)
    }

    /// How many tasks are in it.
    pub fn tasks(&self) -> i64 {
        self.rows.get("job").copied().unwrap_or_default()
    }
}

/// An attempt that failed, or the first of those that failed since one did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Unix milliseconds.
    pub at: i64,
    pub words: String,
}

impl Failure {
    /// How long ago it was, in milliseconds.
    pub fn age_ms(&self) -> i64 {
        (clock::now_ms() - self.at).max(0)
    }
}

/// Whether the folder of the backups can be read, where it is there; in words why it cannot be.
pub fn readable(home: &Home) -> Result<(), String> {
    let folder = home.backups();
    match std::fs::read_dir(&folder) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!(
            "{} cannot be read, so nobody can tell which backups there are, and none is made: {error}. Give it back to yourself \
             (`chmod 700`), or move away what is in its place",
            folder.display()
        )),
    }
}

/// Every backup, the newest first.
pub fn all(home: &Home) -> Vec<Backup> {
    within(&home.backups())
}

/// The newest one that can be restored, as far as is known.
pub fn newest(home: &Home) -> Option<Backup> {
    all(home).into_iter().find(|backup| backup.bad.is_none())
}

/// Why the last attempt failed, if it did.
pub fn failure(home: &Home) -> Option<Failure> {
    serde_json::from_slice(&std::fs::read(home.backups().join(FAILURE)).ok()?).ok()
}

/// Every backup in a folder, the newest first. What has no record that can be read is none of ours.
fn within(folder: &Path) -> Vec<Backup> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<Backup> = entries.filter_map(|entry| read(&entry.path())).collect();
    found.sort_by_key(|backup| std::cmp::Reverse(backup.number));
    found
}

/// The number in the name of a backup's folder, if this is one. Longer numbers are nobody's.
fn number(name: &str) -> Option<u64> {
    let (number, _) = name.split_once('-').filter(|(number, _)| number.len() <= 12)?;
    number.parse().ok()
}

/// Whether a folder of this name is that of a backup.
pub(crate) fn is_name(name: &str) -> bool {
    number(name).is_some()
}

/// A folder of `NUMBER-TIME` whose record or copy is lost is a bad one: what can be begun with is tried all the same.
fn read(folder: &Path) -> Option<Backup> {
    let name = folder.file_name()?.to_str().filter(|name| !name.starts_with(files::NEW))?.to_owned();
    let number = number(&name)?;
    let bad = |words: &str| Some(words.to_owned());
    match recorded(folder) {
        Some(known) if folder.join(DATABASE).is_file() => Some(known),
        Some(known) => Some(Backup { bad: bad("its copy of the database is gone"), ..known }),
        None if folder.is_dir() => Some(Backup {
            number,
            at: name.split_once('-').and_then(|(_, time)| calendar::from_file_time(time)).unwrap_or_default(),
            name,
            version: String::new(),
            bytes: 0,
            sha256: String::new(),
            rows: BTreeMap::new(),
            verified_at: 0,
            reason: Reason::default(),
            seq: 0,
            db: String::new(),
            bad: bad("its backup.json cannot be read"),
        }),
        None => None,
    }
}

fn recorded(folder: &Path) -> Option<Backup> {
    let name = folder.file_name()?.to_str().filter(|name| !name.starts_with(files::NEW))?.to_owned();
    let known: Backup = serde_json::from_slice(&files::read(&folder.join(RECORD)).ok()?).ok()?;
    Some(Backup { name, ..known })
}

/// Notes what became of an attempt, for whoever looks: a file that is not there where nothing is wrong.
fn note(path: &Path, wrong: Option<Failure>) {
    let noted = match wrong {
        None => files::remove(path),
        Some(failure) => {
            serde_json::to_vec(&failure).map_err(io::Error::from).and_then(|bytes| files::put(path, &bytes))
        }
    };
    if let Err(error) = noted {
        tracing::warn!(%error, ?path, "what became of the backup was not noted");
    }
}

fn write(folder: &Path, backup: &Backup) -> io::Result<()> {
    files::put(&folder.join(RECORD), &serde_json::to_vec_pretty(backup)?)
}
