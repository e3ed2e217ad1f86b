//! Making a backup: everything is copied under another name, synced, begun with in a scratch file, and only then renamed. Killed
//! anywhere it leaves what the next one removes.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use super::{Backup, BackupError, DATABASE, FAILURE, Failure, keep, note, second, verify};
use crate::{
    calendar, clock,
    config::Backup as Terms,
    db::{Db, backup},
    digest, files,
    home::Home,
    journal,
    lock::{Lock, Mode},
};
use agentlab_domain::backup::Reason;

/// A backup that was made.
#[derive(Debug)]
pub struct Taken {
    pub backup: Backup,
    /// Why it has no copy in the second folder, where one was asked for.
    pub not_copied: Option<String>,
}

/// The lock under which one backup is made at a time.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not read")] Lock);

/// Waits until nobody else makes one.
pub async fn turn(home: &Home) -> Result<Turn, BackupError> {
    let path = home.lock("backup");
    let waiting = path.clone();
    let locked = tokio::task::spawn_blocking(move || Lock::wait(&waiting)).await.map_err(io::Error::other);
    Ok(Turn(locked.flatten().map_err(BackupError::at(&path))?))
}

/// Makes one now, and gives up those that are more than are to be kept. Where somebody else makes one it is refused.
pub async fn take(db: &Db, terms: &Terms, reason: Reason) -> Result<Taken, BackupError> {
    let lock = db.home().lock("backup");
    let turn = Lock::take(&lock, Mode::Exclusive).map_err(BackupError::at(&lock))?;
    take_in(&Turn(turn.ok_or(BackupError::Busy)?), db, terms, reason).await
}

/// The same in a turn that was waited for.
pub async fn take_in(_: &Turn, db: &Db, terms: &Terms, reason: Reason) -> Result<Taken, BackupError> {
    let backups = db.home().backups();
    prepare(&backups).map_err(BackupError::at(&backups))?;
    files::tidy_halves(&backups);
    // Above all that are kept, in both places.
    let number = super::within(&backups).first().map_or(0, |newest| newest.number);
    let number = number.max(second::newest(db.home(), terms).await) + 1;
    let made = make(db, &backups, (number, reason)).await;
    let failed = |error: &BackupError| Failure { at: clock::now_ms(), words: error.to_string() };
    note(&backups.join(FAILURE), made.as_ref().err().map(failed));
    let backup = made?;
    keep::within(&backups, terms.keep, None);
    forget(db.home());
    let not_copied = second::copied(db.home(), &backup, terms).await;
    Ok(Taken { backup, not_copied })
}

/// Of the journal stays what the oldest backup may need.
fn forget(home: &Home) {
    let oldest = super::all(home).iter().filter(|backup| backup.bad.is_none()).map(|backup| backup.seq).min();
    if let Err(error) = journal::forget(home, oldest.unwrap_or_default()) {
        tracing::warn!(%error, "an old part of the journal could not be removed");
    }
}

async fn make(db: &Db, backups: &Path, (number, reason): (u64, Reason)) -> Result<Backup, BackupError> {
    let at = clock::now_ms();
    let name = format!("{number:06}-{}", calendar::file_time(at));
    let folder = backups.join(&name);
    let half = files::beside(&folder);
    let filled = fill(db, &half, (number, at, reason)).await;
    let placed = match filled {
        Ok(backup) => place(&half, &folder).map(|()| Backup { name, ..backup }),
        Err(error) => Err(error),
    };
    if placed.is_err() {
        let _ = fs::remove_dir_all(&half);
    }
    placed
}

/// Everything of a backup, below a name that is none yet.
async fn fill(db: &Db, half: &Path, (number, at, reason): (u64, i64, Reason)) -> Result<Backup, BackupError> {
    fs::DirBuilder::new().mode(0o700).create(half).map_err(BackupError::at(half))?;
    let copy = half.join(DATABASE);
    db.cut_journal(matches!(reason, Reason::Schema(_))).await.map_err(BackupError::Copy)?;
    let rows = db.copy_to(&copy).await.map_err(BackupError::Copy)?;
    let synced = || {
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
        File::open(&copy)?.sync_all()?;
        Ok((fs::metadata(&copy)?.len(), digest::sha256_of(&copy)?))
    };
    let (bytes, sha256) = synced().map_err(BackupError::at(&copy))?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let (of, seq) = backup::head(&copy).await.map_err(BackupError::Copy)?.unwrap_or_default();
    let (name, verified_at) = (String::new(), at);
    let backup = Backup { name, number, at, version, bytes, sha256, rows, verified_at, reason, seq, db: of, bad: None };
    let found = verify::examine(half, &backup).await.map_err(BackupError::tried)?;
    let backup = Backup { rows: found, verified_at: clock::now_ms(), ..backup };
    beside(db.home(), half).map_err(BackupError::at(half))?;
    super::write(half, &backup).map_err(BackupError::at(half))?;
    Ok(backup)
}

/// The configuration, and what agents are told.
fn beside(home: &Home, half: &Path) -> io::Result<()> {
    for entry in fs::read_dir(home.path())? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if files::is_kept(&name.to_string_lossy()) && path.is_file() {
            files::put(&half.join(&name), &fs::read(&path)?)?;
        }
    }
    Ok(())
}

fn place(half: &Path, folder: &Path) -> Result<(), BackupError> {
    fs::rename(half, folder).map_err(BackupError::at(folder))?;
    files::sync_folder(folder).map_err(|error| {
        // It is none: what a power cut may take away again is not told as there.
        let _ = files::remove_folder(folder);
        BackupError::File { path: folder.to_owned(), error }
    })
}

fn prepare(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
