//! Where a new database comes from: the newest backup that can be begun with, or the journal alone where that has had everything
//! from the first transaction. Made ready beside the place of the database, and looked at as a backup is before it counts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::whose::{is_foreign, unfit, whose};
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

/// What was found: one that is ready, or why each backup is none.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) source: Option<Source>,
    pub(super) bad: Vec<String>,
}

/// Looks for one. A person may want a certain backup.
///
/// What is known to be bad may be good enough where nothing else is: it comes last.
pub(super) async fn find(home: &Home, wanted: Option<&str>) -> Result<Search, DbError> {
    files::tidy_halves(home.path());
    let mut search = Search::default();
    let mut poor = Vec::new();
    let whose = whose(home);
    for backup in backup::all(home).into_iter().filter(|backup| wanted.is_none_or(|wanted| backup.name == wanted)) {
        if let Some(why) = unfit(home, whose.as_deref(), &backup) {
            search.bad.push(format!("{}: {why}", backup.name));
            if !is_foreign(whose.as_deref(), &backup) {
                poor.push(backup);
            }
        } else if search.began(home, Some(backup)).await? {
            return Ok(search);
        }
    }
    if wanted.is_some() {
        return Ok(search);
    }
    let journal = journal::read(home, None, 0).map_err(|error| DbError::File { path: home.journal(), error })?;
    let whole = journal.missing == 0 && journal.lines.first().is_some_and(|line| line.whole);
    if whole && search.began(home, None).await? {
        return Ok(search);
    }
    for backup in poor {
        let copy = home.backups().join(&backup.name).join(DATABASE);
        let holds = fs::metadata(&copy).is_ok_and(|found| found.is_file() && found.len() > 0);
        if holds && search.began(home, Some(backup)).await? {
            return Ok(search);
        }
    }
    Ok(search)
}

impl Search {
    /// Whether this one can be begun with. No room, no right, a release that is too old: the next one would not fare better, or would
    /// hold less, and it is no fault of this one.
    async fn began(&mut self, home: &Home, backup: Option<Backup>) -> Result<bool, DbError> {
        let copy = backup.as_ref().map(|backup| home.backups().join(&backup.name).join(DATABASE));
        match ready(home, copy.as_deref()).await {
            Ok((folder, file)) => {
                self.source = Some(Source { file, backup, folder });
                Ok(true)
            }
            Err(error) if error.is_of_the_place() => Err(error),
            Err(error) => {
                let name = backup.map_or_else(|| "the journal".to_owned(), |backup| backup.name);
                tracing::error!(%error, name, "what is to be restored cannot be begun with; I take another one");
                self.bad.push(format!("{name}: {error}"));
                Ok(false)
            }
        }
    }
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
