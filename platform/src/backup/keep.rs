//! Which backups stay: in the home, and in a second folder where one is configured, which may be on another disk.

use std::{fs, path::Path};

use agentlab_domain::backup::{Known, given_up};

use super::{Backup, BackupError, RECORD, read, take::prepare};
use crate::files;

/// Gives up what is more than is to be kept in a folder. Of which database they are is told where several homes share one.
pub(super) fn within(backups: &Path, keep: usize, db: Option<&str>) {
    let mut all = super::within(backups);
    all.retain(|backup| db.is_none_or(|db| backup.db == db));
    let of = |backup: &Backup| Known { number: backup.number, reason: backup.reason, sound: backup.bad.is_none() };
    let gone = given_up(&all.iter().map(of).collect::<Vec<_>>(), keep);
    for backup in all.iter().filter(|backup| gone.contains(&backup.number)) {
        if let Err(error) = files::remove_folder(&backups.join(&backup.name)) {
            tracing::warn!(%error, name = backup.name, "an old backup could not be removed");
        }
    }
}

/// Copies a backup into the second folder, where as many are kept.
pub(super) async fn copied(folder: &Path, second: &Path, keep: usize) -> Result<(), BackupError> {
    let (folder, second) = (folder.to_owned(), second.to_owned());
    let at = second.clone();
    // It may be slow: another disk, or another machine.
    let copied = tokio::task::spawn_blocking(move || copy(&folder, &second, keep)).await;
    copied.unwrap_or_else(|error| Err(BackupError::at(&at)(std::io::Error::other(error))))
}

fn copy(folder: &Path, second: &Path, keep: usize) -> Result<(), BackupError> {
    prepare(second).map_err(BackupError::at(second))?;
    files::tidy_halves(second);
    let target = second.join(folder.file_name().unwrap_or_default());
    let half = files::beside(&target);
    let filled = prepare(&half).and_then(|()| {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            // What says that it is one comes last.
            if path.is_file() && !path.ends_with(RECORD) {
                let to = half.join(path.file_name().unwrap_or_default());
                fs::copy(&path, &to)?;
                fs::File::open(&to)?.sync_all()?;
            }
        }
        files::put(&half.join(RECORD), &fs::read(folder.join(RECORD))?)?;
        fs::rename(&half, &target)?;
        files::sync_folder(&target)
    });
    if let Err(error) = filled {
        let _ = fs::remove_dir_all(&half);
        return Err(BackupError::at(second)(error));
    }
    let copied = read(&target);
    debug_assert!(copied.is_some(), "a copy is a backup");
    // Of whom it is that it takes the place of: nobody else's goes.
    if let Some(copied) = copied {
        within(second, keep, Some(&copied.db));
    }
    Ok(())
}
