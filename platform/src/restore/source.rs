//! Where a new database comes from: the newest backup that can be begun with, or the journal alone where that has had everything
//! from the first transaction. Made ready beside the place of the database, and looked at as a backup is before it counts.

use std::{fs, path::PathBuf};

use super::{
    place,
    whose::{Whose, latest_first},
};
use crate::{
    backup::{Backup, DATABASE},
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
    /// Why the backup is not as it was made, where nothing better was there.
    pub(super) unsound: Option<String>,
    /// It is the file that was in the place of the database, without a WAL that is not of it.
    pub(super) alone: bool,
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
    let whose = Whose::of(home);
    for backup in latest_first(home).into_iter().filter(|backup| wanted.is_none_or(|wanted| backup.name == wanted)) {
        if let Some(why) = whose.unfit(home, &backup) {
            search.bad.push(format!("{}: {why}", backup.name));
            if !whose.is_foreign(&backup) {
                poor.push((backup, why));
            }
        } else if search.began(home, From::Backup(backup)).await? {
            return Ok(search);
        }
    }
    if wanted.is_some() {
        return Ok(search);
    }
    let journal = journal::read(home, None, 0).map_err(|error| DbError::File { path: home.journal(), error })?;
    let whole = journal.missing == 0 && journal.lines.first().is_some_and(|line| line.whole);
    if whole && search.began(home, From::Journal).await? {
        return Ok(search);
    }
    for (backup, why) in poor {
        if search.began(home, From::Poor { backup, why, whose: whose.id.clone() }).await? {
            return Ok(search);
        }
    }
    // A copy that somebody put in its place, beside the WAL of the one before it.
    if home.database().is_file() && place::beside(&home.database(), "-wal").exists() {
        search.began(home, From::Itself { whose: whose.id }).await?;
    }
    Ok(search)
}

/// What may be begun with.
enum From {
    Backup(Backup),
    Journal,
    /// A backup that is not as it was made: it has to say of which database it is.
    Poor {
        backup: Backup,
        why: String,
        whose: Option<String>,
    },
    /// The file in its place, without its WAL.
    Itself {
        whose: Option<String>,
    },
}

impl From {
    fn file(&self, home: &Home) -> Option<PathBuf> {
        match self {
            Self::Backup(backup) | Self::Poor { backup, .. } => Some(home.backups().join(&backup.name).join(DATABASE)),
            Self::Journal => None,
            Self::Itself { .. } => Some(home.database()),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Backup(backup) | Self::Poor { backup, .. } => backup.name.clone(),
            Self::Journal => "the journal".to_owned(),
            Self::Itself { .. } => "the file without its WAL".to_owned(),
        }
    }

    /// Why what was made ready is not to be begun with all the same.
    fn unfit(&self, head: Option<&(String, i64)>) -> Option<&'static str> {
        let (of, whose) = match self {
            Self::Backup(_) | Self::Journal => return None,
            Self::Poor { backup, whose, .. } => (Some(backup.db.as_str()), whose),
            Self::Itself { whose } => (None, whose),
        };
        let Some((id, _)) = head else { return Some("it holds nothing") };
        let is_of = |known: &str| known.is_empty() || known == id;
        (!of.is_none_or(is_of) || !whose.as_deref().is_none_or(is_of)).then_some("it is of another home")
    }
}

impl Search {
    /// Whether this one can be begun with. No room, no right, a release that is too old: the next one would not fare better, or would
    /// hold less, and it is no fault of this one.
    async fn began(&mut self, home: &Home, from: From) -> Result<bool, DbError> {
        match ready(home, &from).await {
            Ok((folder, file)) => {
                let alone = matches!(from, From::Itself { .. });
                let (backup, unsound) = match from {
                    From::Backup(backup) => (Some(backup), None),
                    From::Poor { backup, why, .. } => (Some(backup), Some(why)),
                    From::Journal | From::Itself { .. } => (None, None),
                };
                self.source = Some(Source { file, backup, unsound, alone, folder });
                Ok(true)
            }
            Err(error) if error.is_of_the_place() => Err(error),
            Err(error) => {
                let name = from.name();
                tracing::error!(%error, name, "what is to be restored cannot be begun with; I take another one");
                // That the file itself is none is known.
                if !matches!(from, From::Itself { .. }) {
                    self.bad.push(format!("{name}: {error}"));
                }
                Ok(false)
            }
        }
    }
}

/// A copy to work on, or an empty database, brought up to date and looked at.
async fn ready(home: &Home, from: &From) -> Result<(PathBuf, PathBuf), DbError> {
    let folder = files::beside(&home.path().join("restore"));
    let file = folder.join(DATABASE);
    let failed = |error| DbError::File { path: folder.clone(), error };
    fs::create_dir(&folder).map_err(failed)?;
    let looked = async {
        if let Some(copy) = from.file(home) {
            // Whatever is no file may never end.
            if !copy.is_file() {
                return Err(DbError::Damaged("its copy of the database is no file".to_owned()));
            }
            fs::copy(copy, &file).map_err(failed)?;
        }
        db::backup::examine(&file).await?;
        let unfit = from.unfit(db::backup::head(&file).await?.as_ref());
        unfit.map_or(Ok(()), |why| Err(DbError::Damaged(why.to_owned())))
    };
    let looked = looked.await;
    if let Err(error) = looked {
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    Ok((folder, file))
}
