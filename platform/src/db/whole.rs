//! Whether a database is *whole*: `SQLite` can read every page of it, finds nothing wrong, and would write to it. A flipped bit inside a
//! text is no damage that anybody could see.

use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    DbError,
    error::{is_busy, is_short_read, primary_code},
    gone::has_worked,
};
use crate::home::Home;

/// Who waits for longer says so.
const BUSY: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none, and never was.
    Nothing,
    /// There is none, and there was.
    Gone,
    Sound,
    /// Why it is not, in words.
    Damaged(String),
}

/// Looks at the database; at every page where `closely`. An error is no finding: somebody has it locked, or it may not be read.
pub(crate) async fn examine(home: &Home, closely: bool) -> Result<Found, DbError> {
    let path = home.database();
    let bytes = match std::fs::metadata(&path) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Ok(Found::Damaged("it is no file".into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(DbError::File { path, error }),
    };
    let worked = has_worked(home);
    if bytes == 0 {
        return Ok(match (worked, path.exists()) {
            (false, _) => Found::Nothing,
            (true, false) => Found::Gone,
            (true, true) => Found::Damaged("its file is empty".into()),
        });
    }
    // What may not be written is no damage. Asked, not opened: to close it again would let go of `SQLite`'s locks in a process that works
    // with it (see `holder::probe`).
    if let Err(error) = access(&path, AccessFlags::R_OK | AccessFlags::W_OK) {
        return Err(DbError::File { path, error: error.into() });
    }
    match looked_at(home, closely).await {
        // A first start that was cut off had promised nothing yet.
        Ok(false) if worked => Ok(Found::Damaged("it has no tables".into())),
        Ok(_) => Ok(Found::Sound),
        Err(DbError::Damaged(why)) => Ok(Found::Damaged(why)),
        Err(error) if explains(&error) => Ok(Found::Damaged(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Whether it has a schema; what is wrong with it is an error. First by a connection that only reads: whoever writes moves the WAL into
/// the file when it closes, and one that is not of this file would ruin it.
async fn looked_at(home: &Home, closely: bool) -> Result<bool, DbError> {
    let options = SqliteConnectOptions::new().filename(home.database()).foreign_keys(false).busy_timeout(BUSY);
    let mut reads = options.clone().read_only(true).connect().await?;
    let read = reading(&mut reads, closely).await;
    // Waited for: what closes later would meet the files of its successor.
    let _ = reads.close().await;
    let known = match read {
        // A transaction that was cut off before there was a WAL is rolled back by whoever writes.
        Err(error) if is_readonly(&error) => None,
        read => Some(read?),
    };
    let mut writes = options.connect().await?;
    let looked = async {
        let known = match known {
            Some(known) => known,
            None => reading(&mut writes, closely).await?,
        };
        writing(&mut writes).await.map(|()| known)
    };
    let looked = looked.await;
    let _ = writes.close().await;
    looked
}

/// `SQLITE_READONLY` (8), with any extension.
fn is_readonly(error: &DbError) -> bool {
    matches!(error, DbError::Sql(error) if primary_code(error) == Some(8))
}

async fn reading(connection: &mut SqliteConnection, closely: bool) -> Result<bool, DbError> {
    if closely {
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(&mut *connection).await?;
        if found != ["ok"] {
            return Err(DbError::Damaged(in_a_line(&found)));
        }
    }
    let known = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'job')");
    Ok(known.fetch_one(&mut *connection).await?)
}

async fn writing(connection: &mut SqliteConnection) -> Result<(), DbError> {
    // One whose head says that it may only be read is damaged too; one in which somebody writes is not.
    match connection.begin_with("BEGIN IMMEDIATE").await {
        // To begin is not enough: what may only be read is then only read.
        Ok(mut write) => {
            sqlx::query("CREATE TABLE takes_writes (n INTEGER) STRICT").execute(&mut *write).await?;
            write.rollback().await?;
        }
        Err(error) if is_busy(&error) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What a check of every page found, in one line: the first of it that says anything.
pub(super) fn in_a_line(found: &[String]) -> String {
    let lines = || found.iter().flat_map(|one| one.lines()).map(str::trim);
    let first = lines().find(|line| !line.is_empty() && !line.starts_with("***")).unwrap_or("it is not sound");
    if lines().count() > 1 { format!("{first}, and more") } else { first.to_owned() }
}

/// Whether the file itself explains the error, and nothing else does: nothing is set aside for a lock, the disk, somebody's rights or a
/// mistake of ours.
fn explains(error: &DbError) -> bool {
    let (DbError::Sql(error) | DbError::Disk(error)) = error else { return false };
    match primary_code(error) {
        // READONLY (we may write the file: its head says that it is not to be), CORRUPT, FORMAT, NOTADB.
        Some(8 | 11 | 24 | 26) => true,
        Some(1) => ["malformed", "unsupported file format"].iter().any(|words| error.to_string().contains(words)),
        Some(_) | None => is_short_read(error),
    }
}

/// Whether its schema has a journal already.
pub(crate) async fn has_journal(connection: &mut SqliteConnection) -> Result<bool, DbError> {
    let asking = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'journal')";
    Ok(sqlx::query_scalar(asking).fetch_one(connection).await?)
}
