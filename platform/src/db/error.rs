//! What can go wrong with the database, in words for the person who reads them.

use std::path::{Path, PathBuf};

use super::damage;
use crate::disk;

/// A database operation that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("the database is being restored or set aside by another process: try again when that is done")]
    SetAside,
    #[error(
        "the database needs agentlab {needed} or newer, and this is {own}: update agentlab, or restore an older backup"
    )]
    Newer { needed: String, own: &'static str },
    #[error("the database was locked for {waited_ms} ms, {by}; what was asked was not done: try again")]
    Busy {
        waited_ms: u128,
        /// Who had it at last, in words.
        by: String,
    },
    #[error("{path:?}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    #[error("the schema cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(
        "the schema was not brought up to date, since no backup could be made first: {why}. Nothing was changed: put that right and start \
         again, or go back with `agentlab rollback`"
    )]
    NoBackup { why: String },
    #[error("the queue refused: {0}")]
    Queue(String),
    #[error("stored JSON cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{} is gone, and this home has worked before: {}", .path.display(), way_out(.newest.as_deref()))]
    Gone {
        path: PathBuf,
        /// The newest backup's copy.
        newest: Option<PathBuf>,
    },
    #[error("{} was replaced while agentlab worked: what is there now is set aside, and it is restored", .path.display())]
    Replaced { path: PathBuf },
    #[error("nothing was changed: {0}")]
    NotWhole(String),
    #[error("the database is damaged: {0}")]
    Damaged(String),
    #[error(
        "{} cannot be used ({why}), and there is nothing to restore it from: {}. Nothing was changed. Put it back as it was, {copy}; or move the home \
         away to begin without it",
        .path.display(), if bad.is_empty() { "neither a backup nor a whole journal".to_owned() } else { format!("no backup is sound ({}), and no whole journal is there", bad.join("; ")) },
        copy = COPY
    )]
    Beyond {
        path: PathBuf,
        why: String,
        /// Why each backup is none.
        bad: Vec<String>,
    },
    #[error("only one question at a time, which begins with SELECT, WITH, VALUES or EXPLAIN: sql is read only")]
    NotAQuestion,
    #[error("{0}")]
    NoRoom(String),
    #[error("the rules forbid it: {0}")]
    Illegal(#[from] agentlab_domain::job::Illegal),
    #[error("the database file cannot be read or written: {error}. {}", remedy(.0), error = .0)]
    Disk(sqlx::Error),
    #[error("the database refused: {0}")]
    Sql(sqlx::Error),
}

/// What to do where the database is gone.
fn way_out(newest: Option<&Path>) -> String {
    let first = "nothing was begun anew";
    match newest {
        Some(newest) => format!(
            "{first}. `agentlab backup restore`, or any start of agentlab, restores it from {}",
            newest.display()
        ),
        None => {
            format!("{first}. Put it back where it was, {COPY}; or move the rest of the home away to begin without it")
        }
    }
}

/// Where another one may come from.
const COPY: &str =
    "or copy the newest folder NUMBER-TIME of `backup.copy_to`, where you set that, into backups/ and start again";

/// What helps where the file cannot be read or written.
fn remedy(error: &sqlx::Error) -> &'static str {
    if is_short_read(error) { "It ends too early: that is damage" } else { "Is the disk full? `df -h` shows it" }
}

impl DbError {
    /// Whether somebody else's lock is all that is wrong.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::Sql(error) => is_busy(error),
            Self::SetAside
            | Self::Newer { .. }
            | Self::File { .. }
            | Self::Migrate(_)
            | Self::NoBackup { .. }
            | Self::Disk(_)
            | Self::NotAQuestion
            | Self::NoRoom(_)
            | Self::Queue(_)
            | Self::Damaged(_)
            | Self::Gone { .. }
            | Self::Beyond { .. }
            | Self::NotWhole(_)
            | Self::Replaced { .. }
            | Self::Json(_)
            | Self::Illegal(_) => false,
        }
    }
}

impl DbError {
    /// Whether the disk has no room for it.
    pub fn is_full(&self) -> bool {
        match self {
            Self::File { error, .. } => disk::is_full(error),
            // SQLITE_FULL.
            Self::Disk(error) => primary_code(error) == Some(13),
            Self::SetAside
            | Self::Newer { .. }
            | Self::Busy { .. }
            | Self::Migrate(_)
            | Self::NoBackup { .. }
            | Self::Queue(_)
            | Self::Json(_)
            | Self::Gone { .. }
            | Self::Replaced { .. }
            | Self::NotWhole(_)
            | Self::Damaged(_)
            | Self::Beyond { .. }
            | Self::NotAQuestion
            | Self::NoRoom(_)
            | Self::Illegal(_)
            | Self::Sql(_) => false,
        }
    }

    /// Whether the file is not what was written: `SQLITE_CORRUPT` (11), `SQLITE_NOTADB` (26), it or its WAL ends too early, or found so by
    /// a check.
    pub fn is_damage(&self) -> bool {
        let damaged = |error: &sqlx::Error| {
            is_short_read(error) || primary_code(error).is_some_and(|code| matches!(code, 11 | 26))
        };
        match self {
            Self::Damaged(_) => true,
            Self::Sql(error) | Self::Disk(error) | Self::Migrate(sqlx::migrate::MigrateError::Execute(error)) => {
                damaged(error)
            }
            Self::SetAside
            | Self::Newer { .. }
            | Self::Busy { .. }
            | Self::File { .. }
            | Self::Migrate(_)
            | Self::NoBackup { .. }
            | Self::NotAQuestion
            | Self::NoRoom(_)
            | Self::Queue(_)
            | Self::Gone { .. }
            | Self::Beyond { .. }
            | Self::NotWhole(_)
            | Self::Replaced { .. }
            | Self::Json(_)
            | Self::Illegal(_) => false,
        }
    }
}

impl DbError {
    /// Whether the disk, somebody's rights or lock, or this release is at fault, and not the file itself.
    pub(crate) fn is_of_the_place(&self) -> bool {
        match self {
            Self::Disk(error) => !is_short_read(error),
            Self::File { .. } | Self::Newer { .. } | Self::NoRoom(_) | Self::SetAside => true,
            Self::Busy { .. } | Self::Sql(_) => self.is_busy(),
            Self::Migrate(_)
            | Self::NoBackup { .. }
            | Self::NotAQuestion
            | Self::Queue(_)
            | Self::Damaged(_)
            | Self::Gone { .. }
            | Self::Beyond { .. }
            | Self::NotWhole(_)
            | Self::Replaced { .. }
            | Self::Json(_)
            | Self::Illegal(_) => false,
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_CORRUPT (11), SQLITE_NOTADB (26); a file that was emptied lacks its tables (SQLITE_ERROR, 1).
        let code = primary_code(&error);
        if is_short_read(&error)
            || matches!(code, Some(11 | 26))
            || (code == Some(1) && error.to_string().contains("no such table"))
        {
            damage::suspect();
        }
        // SQLITE_IOERR (10) and SQLITE_FULL (13).
        if primary_code(&error).is_some_and(|code| matches!(code, 10 | 13)) {
            Self::Disk(error)
        } else {
            Self::Sql(error)
        }
    }
}

/// `SQLITE_IOERR_SHORT_READ` (522): a file ends in the middle of a page.
pub(super) fn is_short_read(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "522")
}

pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?.parse::<i32>().ok()?;
    Some(code & 0xff)
}

/// `SQLITE_BUSY` (5) or `SQLITE_LOCKED` (6), with any extension.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error).is_some_and(|code| matches!(code, 5 | 6))
}
