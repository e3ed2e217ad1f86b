//! Whether a backup can be restored: its copy of the database is what was written, and a system that begins with it finds it sound and
//! as many rows in it as there were. It is begun with in a scratch file, never in the copy itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Backup, BackupError, DATABASE};
use crate::{
    clock,
    db::{
        DbError,
        backup::{self, Counts},
    },
    digest, files,
    home::Home,
    lock::{Lock, Mode},
};

/// The tables that lose nothing while a copy is made: what these held before is in it. Others lose rows at any time.
const ONLY_GROW: [&str; 2] = ["job", "run"];

/// Why it cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("its copy of the database is not the one that was made: the disk has changed it")]
    Changed,
    #[error("{table} has {found} rows, and there were {were}")]
    Fewer { table: String, found: i64, were: i64 },
    #[error("{0}")]
    Database(#[from] DbError),
    #[error("{path:?}: {error}")]
    File { path: PathBuf, error: std::io::Error },
}

impl Fault {
    /// Whether the backup itself is at fault, and not the room for its scratch file or somebody's lock.
    fn is_of_the_backup(&self) -> bool {
        match self {
            Self::Changed | Self::Fewer { .. } => true,
            Self::Database(error) => !error.is_of_the_place(),
            Self::File { .. } => false,
        }
    }
}

impl BackupError {
    /// What became of a try.
    pub(super) fn tried(fault: Fault) -> Self {
        if fault.is_of_the_backup() { Self::Unsound(fault) } else { Self::Untried(fault) }
    }
}

/// Tries a backup that was made before, and notes in it what was found: when it was sound, or why it is bad.
pub async fn verify(home: &Home, backup: &Backup) -> Result<Backup, BackupError> {
    let folder = home.backups().join(&backup.name);
    let lock = home.lock("backup");
    let turn = Lock::take(&lock, Mode::Exclusive).map_err(BackupError::at(&lock))?;
    let _turn = turn.ok_or(BackupError::Busy)?;
    let noted = match tried(&folder, backup).await? {
        Ok(()) => Backup { verified_at: clock::now_ms(), bad: None, ..backup.clone() },
        Err(fault) => {
            if fault.is_of_the_backup() {
                let bad = Backup { bad: Some(fault.to_string()), ..backup.clone() };
                super::write(&folder, &bad).map_err(BackupError::at(&folder))?;
            }
            return Err(BackupError::tried(fault));
        }
    };
    super::write(&folder, &noted).map_err(BackupError::at(&folder))?;
    Ok(noted)
}

/// Why a backup is not to be begun with, without beginning with it: what the last try found, or that the disk has changed it since.
pub fn known_bad(home: &Home, backup: &Backup) -> Option<String> {
    let copy = home.backups().join(&backup.name).join(DATABASE);
    let changed = || match digest::sha256_of(&copy) {
        Ok(found) if found == backup.sha256 => None,
        Ok(_) => Some(Fault::Changed.to_string()),
        Err(error) => Some(format!("its copy of the database cannot be read: {error}")),
    };
    backup.bad.clone().or_else(changed)
}

async fn tried(folder: &Path, backup: &Backup) -> Result<Result<(), Fault>, BackupError> {
    let copy = folder.join(DATABASE);
    if digest::sha256_of(&copy).map_err(BackupError::at(&copy))? != backup.sha256 {
        return Ok(Err(Fault::Changed));
    }
    Ok(examine(folder, backup).await.map(|_| ()))
}

/// Begins with a copy of the copy, and tells what is in it.
pub(super) async fn examine(folder: &Path, backup: &Backup) -> Result<Counts, Fault> {
    let scratch = files::beside(&folder.join("scratch"));
    let failed = |error| Fault::File { path: scratch.clone(), error };
    fs::create_dir(&scratch).map_err(failed)?;
    let examined = begin(&folder.join(DATABASE), &scratch.join(DATABASE), backup).await;
    let removed = fs::remove_dir_all(&scratch);
    let found = examined?;
    removed.map_err(failed)?;
    Ok(found)
}

async fn begin(copy: &Path, scratch: &Path, backup: &Backup) -> Result<Counts, Fault> {
    fs::copy(copy, scratch).map_err(|error| Fault::File { path: scratch.to_owned(), error })?;
    let found = backup::examine(scratch).await?;
    for table in ONLY_GROW {
        let rows = |counts: &Counts| counts.get(table).copied().unwrap_or_default();
        let (found, were) = (rows(&found), rows(&backup.rows));
        if found < were {
            return Err(Fault::Fewer { table: table.to_owned(), found, were });
        }
    }
    Ok(found)
}
