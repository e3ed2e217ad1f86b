//! The rows that matter on another machine, as of one moment: read in one transaction, so nobody who writes waits, and what is
//! written meanwhile is not in it.

use std::{collections::BTreeMap, io};

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    Db, DbError,
    rows::{self, Table},
};
use crate::queue;

/// A table that says something of this database alone.
const OF_HERE: &str = "meta";

/// The tables whose rows travel.
pub(super) async fn tables(connection: &mut SqliteConnection) -> Result<BTreeMap<String, Table>, DbError> {
    let mut tables = rows::tables(connection).await?;
    tables.retain(|name, _| name != OF_HERE);
    Ok(tables)
}

/// The database as of one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    connection: SqliteConnection,
    tables: BTreeMap<String, Table>,
}

impl Db {
    /// Looks at this moment; it stays until the value goes away.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, DbError> {
        // A connection of its own: the others are for what people wait for.
        let options = SqliteConnectOptions::new().filename(self.home().database()).read_only(true);
        let mut connection = options.connect().await?;
        sqlx::query("BEGIN").execute(&mut connection).await?;
        let tables = tables(&mut connection).await?;
        Ok(Snapshot { connection, tables })
    }
}

impl Snapshot {
    /// How many rows each table holds.
    pub(crate) async fn counts(&mut self) -> Result<BTreeMap<String, i64>, DbError> {
        let mut counts = BTreeMap::new();
        for name in self.tables.keys() {
            let counting = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{name}\""));
            counts.insert(name.clone(), sqlx::query_scalar(counting).fetch_one(&mut self.connection).await?);
        }
        Ok(counts)
    }

    /// The newest migration of ours, and the oldest release that opens this database.
    pub(crate) async fn schema(&mut self) -> Result<(i64, String), DbError> {
        // That of the database: a later release may have been here.
        let applied: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&mut self.connection).await?;
        let theirs = queue::migrations();
        let is_ours = |version: &i64| !theirs.iter().any(|migration| migration.version == *version);
        let newest = applied.into_iter().filter(is_ours).max().unwrap_or_default();
        let needed = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'schema_min_release'");
        let needed: Option<String> = needed.fetch_optional(&mut self.connection).await?;
        Ok((newest, needed.unwrap_or_else(|| "0.0.0".to_owned())))
    }

    /// Hands over every row, table by table in the order of its key, as JSON text.
    pub(crate) async fn each(
        &mut self,
        mut take: impl FnMut(&str, &str) -> io::Result<()>,
    ) -> Result<io::Result<()>, DbError> {
        for table in self.tables.values() {
            let order = table.key.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
            let asking = format!("SELECT {} FROM \"{}\" ORDER BY {order}", table.as_json(), table.name);
            let mut found = sqlx::query_scalar::<_, String>(AssertSqlSafe(asking)).fetch(&mut self.connection);
            while let Some(row) = found.try_next().await? {
                if let Err(error) = take(&table.name, &row) {
                    return Ok(Err(error));
                }
            }
        }
        Ok(Ok(()))
    }

    /// The last number that each table has given.
    pub(crate) async fn last_numbers(&mut self) -> Result<Vec<(String, i64)>, DbError> {
        let asking = sqlx::query_as("SELECT name, seq FROM sqlite_sequence ORDER BY name");
        let all: Vec<(String, i64)> = asking.fetch_all(&mut self.connection).await?;
        Ok(all.into_iter().filter(|(name, _)| self.tables.contains_key(name)).collect())
    }
}
