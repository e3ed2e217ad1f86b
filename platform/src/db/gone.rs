//! A database that is *gone*: this home has worked, and the file is not there, or another one is in its place. Nothing is begun anew over it,
//! and nothing is accepted into a file that nobody will find again. For the same reason a link in its place is refused.

use std::{fs, io, os::unix::fs::MetadataExt};

use super::{Db, DbError};
use crate::{backup, home::Home, journal, restore};

/// Which file it is: its device and its number there.
pub(crate) type File = (u64, u64);

/// Whether there was a database here and is none, or an empty file.
pub fn is_gone(home: &Home) -> bool {
    fs::metadata(home.database()).map_or(true, |found| found.len() == 0) && has_worked(home)
}

/// Whether there was a database here: runs, backups or the journal were left by one.
pub fn has_worked(home: &Home) -> bool {
    let runs = || fs::read_dir(home.runs()).is_ok_and(|mut runs| runs.next().is_some());
    runs() || journal::exists(home) || backup::readable(home).is_err() || !backup::all(home).is_empty()
}

pub(super) fn refuse(home: &Home) -> Result<(), DbError> {
    refuse_link(home)?;
    if is_gone(home) { Err(gone(home)) } else { Ok(()) }
}

/// Refuses a link in the place of the database: what is set aside would be the link alone, and its WAL lies where it leads to.
pub(crate) fn refuse_link(home: &Home) -> Result<(), DbError> {
    let path = home.database();
    let Ok(leads_to) = fs::read_link(&path) else { return Ok(()) };
    let words = format!(
        "it is a symbolic link to {}, and a database that has to be restored could not be put in its place there: nothing was changed. \
         Move that file (and the one beside it that ends in -wal, where one is there) here instead of the link. To have it on another \
         disk move the whole home there, and set AGENTLAB_HOME or let the home be the link",
        leads_to.display()
    );
    Err(DbError::File { path, error: io::Error::other(words) })
}

/// The refusal, with the way out.
pub fn gone(home: &Home) -> DbError {
    let newest = restore::newest(home).map(|newest| home.backups().join(newest.name).join(backup::DATABASE));
    DbError::Gone { path: home.database(), newest }
}

/// Which file is at the place of the database.
pub(crate) fn file(home: &Home) -> Option<File> {
    fs::metadata(home.database()).ok().map(|found| (found.dev(), found.ino()))
}

impl Db {
    /// Refuses once the file that was opened is no longer in its place: `SQLite` would go on in it, and nobody else would.
    pub fn is_in_place(&self) -> Result<(), DbError> {
        match (self.opened, file(&self.home)) {
            (Some(opened), Some(found)) if opened == found => Ok(()),
            (None, _) => Ok(()),
            (Some(_), Some(_)) => Err(DbError::Replaced { path: self.home.database() }),
            (Some(_), None) => Err(gone(&self.home)),
        }
    }
}
