//! Copies of the database while it is in use, and whether a copy is *sound*: `SQLite` finds nothing wrong with it, every reference
//! leads somewhere, and every view can be asked. The copy is made by `VACUUM INTO`, which reads as of one moment, keeps no
//! writer waiting, and reads every page that it copies (docs/decisions/0025).

use std::{collections::BTreeMap, path::Path};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use super::{Db, DbError, migrate, pool, whole};
use crate::{journal, lock::Lock, queue};

/// How many rows each table holds.
pub(crate) type Counts = BTreeMap<String, i64>;

impl Db {
    /// Writes a copy to `path`, where nothing may be; not synced. Returns what the database held a moment before: the copy holds no
    /// less of what is only added to.
    pub(crate) async fn copy_to(&self, path: &Path) -> Result<Counts, DbError> {
        // What is pruned between the count and the copy would be missed in it.
        let lock = self.home().lock("prune");
        let failed = |error| DbError::File { path: self.home().lock("prune"), error };
        let waited = tokio::task::spawn_blocking(move || Lock::wait(&lock)).await;
        let _nothing_goes = waited.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)?;
        // A connection of its own: the others are for what people wait for.
        let mut connection =
            SqliteConnectOptions::new().filename(self.home().database()).read_only(true).connect().await?;
        let counts = count(&mut connection).await?;
        sqlx::query("VACUUM INTO ?1").bind(path.to_string_lossy().into_owned()).execute(&mut connection).await?;
        connection.close().await?;
        Ok(counts)
    }
}

/// Which database a file is of, and the number of the last transaction in it; `None` where it is of a schema that had none.
pub(crate) async fn head(path: &Path) -> Result<Option<(String, i64)>, DbError> {
    let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
    let head = match whole::has_journal(&mut connection).await {
        Ok(true) => {
            sqlx::query_as("SELECT id, seq FROM journal").fetch_optional(&mut connection).await.map_err(DbError::from)
        }
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    connection.close().await?;
    head
}

impl Db {
    /// Begins a new segment of the journal: what is copied from now on has all of the one before. `still`: the caller keeps every
    /// writer waiting, for an upgrade; a schema from before there was a journal has nothing to cut.
    pub(crate) async fn cut_journal(&self, still: bool) -> Result<(), DbError> {
        let _turn = if still { None } else { Some(self.ticket().await?) };
        if !whole::has_journal(&mut *self.read().acquire().await?).await? {
            return Ok(());
        }
        let (id, seq): (String, i64) = sqlx::query_as("SELECT id, seq FROM journal").fetch_one(self.read()).await?;
        journal::rotate(self.home(), &id, seq).map_err(|error| DbError::File { path: self.home().journal(), error })
    }
}

/// Begins with the database at `path` as a system would, and looks at all of it. The file is changed by it.
pub(crate) async fn examine(path: &Path) -> Result<Counts, DbError> {
    let pool = pool(path, SqliteSynchronous::Normal, 1);
    let examined = sound(&pool).await;
    pool.close().await;
    examined
}

async fn sound(pool: &SqlitePool) -> Result<Counts, DbError> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(pool).await?;
    if found != ["ok"] {
        return Err(DbError::Damaged(whole::in_a_line(&found)));
    }
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(pool).await?;
    if !dangling.is_empty() {
        return Err(DbError::Damaged(format!("{} rows refer to rows that are not there", dangling.len())));
    }
    queue::migrations().run(pool).await?;
    migrate::ours().run(pool).await?;
    let mut connection = pool.acquire().await?;
    for view in names(&mut connection, "view").await? {
        let asking = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{view}\""));
        sqlx::query(asking).fetch_one(&mut *connection).await?;
    }
    count(&mut connection).await
}

async fn count(connection: &mut SqliteConnection) -> Result<Counts, DbError> {
    let mut counts = Counts::new();
    for table in names(connection, "table").await? {
        let counting = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{table}\""));
        let rows = sqlx::query_scalar(counting).fetch_one(&mut *connection).await?;
        counts.insert(table, rows);
    }
    Ok(counts)
}

async fn names(connection: &mut SqliteConnection, kind: &str) -> Result<Vec<String>, DbError> {
    let names =
        "SELECT name FROM sqlite_schema WHERE type = ?1 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    Ok(sqlx::query_scalar(names).bind(kind).fetch_all(connection).await?)
}

#[cfg(test)]
impl Db {
    /// Makes a row that refers to nothing, as a disk or a stranger may; or removes it.
    pub(crate) async fn refer_to_nothing(&self, make: bool) {
        let stranger = SqliteConnectOptions::new().filename(self.home().database()).foreign_keys(false);
        let mut connection = stranger.connect().await.unwrap();
        let statement = if make {
            "INSERT INTO alert_delivery (alert_id, channel, at, what) VALUES (99, 'email', 1, 'began')"
        } else {
            "DELETE FROM alert_delivery WHERE alert_id = 99"
        };
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
}
