//! Which backups stay: in the home, and in a second folder where one is configured, which may be on another disk.

use std::path::Path;

use agentlab_domain::backup::{Known, given_up};

use super::Backup;
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
