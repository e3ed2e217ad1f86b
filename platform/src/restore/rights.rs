//! Rights: what a database would be restored from, and may not be read, is not absent. Whoever took it for that would begin with less, or
//! anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{backup, db::DbError, files, home::Home, journal};

/// Refuses where something is hidden that may hold what is to be restored.
pub(super) fn refuse_hidden(home: &Home) -> Result<(), DbError> {
    for backup in entries(&home.backups())? {
        let is_one = backup.file_name().is_some_and(|name| backup::is_name(&name.to_string_lossy()));
        if is_one && backup.is_dir() {
            for file in entries(&backup)? {
                readable(&file)?;
            }
        }
    }
    entries(&home.runs())?;
    journal::readable(home).map_err(|(path, error)| hidden(path, &error))
}

/// What is in a folder; nothing where it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DbError> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    match listed {
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(folder).is_err() => {
            Ok(Vec::new())
        }
        listed => listed.map_err(|error| hidden(folder.to_owned(), &error)),
    }
}

fn readable(file: &Path) -> Result<(), DbError> {
    match files::readable(file) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(hidden(file.to_owned(), &error)),
        // What else is wrong with it is a matter of the backup.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn hidden(path: PathBuf, error: &io::Error) -> DbError {
    let words = format!(
        "{error}. The database is to be restored, and what it would be restored from may be in there: nothing was changed. Give it back to \
         yourself (`chmod -R u+rwX`, `chown -R`), or move away what is in its place, and start again"
    );
    DbError::File { path, error: io::Error::other(words) }
}
