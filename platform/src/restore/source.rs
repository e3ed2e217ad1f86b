//! Where a new database comes from: the newest backup that can be begun with, or the journal alone where that has had everything
//! from the first transaction. Made ready beside the place of the database, and looked at as a backup is before it counts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    backup::{self, Backup, DATABASE},
    db::{self, DbError},
    files,
    home::Home,
    journal,
};

/// A database that is ready to be begun with.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) backup: Option<Backup>,
    folder: PathBuf,
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Finds one; `None` where nothing is left to begin with. A person may want a certain backup.
pub(super) async fn find(home: &Home, wanted: Option<&str>) -> Result<Option<Source>, DbError> {
    files::tidy_halves(home.path());
    // What is known to be bad may be good enough where nothing else is.
    let (sound, bad): (Vec<Backup>, Vec<Backup>) =
        backup::all(home).into_iter().partition(|backup| backup.bad.is_none());
    for backup in sound.into_iter().chain(bad).filter(|backup| wanted.is_none_or(|wanted| backup.name == wanted)) {
        let copy = home.backups().join(&backup.name).join(DATABASE);
        if !copy.is_file() {
            tracing::error!(name = backup.name, "the copy of a backup is gone; I take another one");
            continue;
        }
        match ready(home, Some(&copy)).await {
            Ok((folder, file)) => return Ok(Some(Source { file, backup: Some(backup), folder })),
            // No room or no right: the next one would not fare better, and it is no fault of this one.
            Err(error) if !error.is_damage() => return Err(error),
            Err(error) => {
                tracing::error!(%error, name = backup.name, "a backup cannot be begun with; I take an older one");
            }
        }
    }
    if wanted.is_some() {
        return Ok(None);
    }
    let journal = journal::read(home, None, 0).map_err(|error| DbError::File { path: home.journal(), error })?;
    let whole = journal.missing == 0 && journal.lines.first().is_some_and(|line| line.whole);
    if !whole {
        return Ok(None);
    }
    let (folder, file) = ready(home, None).await?;
    Ok(Some(Source { file, backup: None, folder }))
}

/// A copy to work on, or an empty database, brought up to date and looked at.
async fn ready(home: &Home, copy: Option<&Path>) -> Result<(PathBuf, PathBuf), DbError> {
    let folder = files::beside(&home.path().join("restore"));
    let file = folder.join(DATABASE);
    let failed = |error| DbError::File { path: folder.clone(), error };
    fs::create_dir(&folder).map_err(failed)?;
    let made = match copy {
        Some(copy) => fs::copy(copy, &file).map(|_| ()).map_err(failed),
        None => Ok(()),
    };
    let looked = match made {
        Ok(()) => db::backup::examine(&file).await.map(|_| ()),
        Err(error) => Err(error),
    };
    if let Err(error) = looked {
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    Ok((folder, file))
}
