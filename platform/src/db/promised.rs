//! What a promised (FULL) transaction touched, for its line in the journal. Temporary triggers of the connection note the key of
//! every row that is put in, changed or removed, by whatever statement; before the commit the rows are read as they stand
//! then. So nothing that is promised can be forgotten in the journal, and nothing has to be said twice.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    DbError,
    rows::{self, Table},
};
use crate::{clock, journal::Line};

/// The tables whose promised changes are noted. Triggers of a connection know the schema as it was then.
pub(super) type Watched = BTreeMap<String, Table>;

/// Notes from now on what this connection touches.
pub(super) async fn watch(connection: &mut SqliteConnection) -> Result<Watched, sqlx::Error> {
    let failed = |error: DbError| sqlx::Error::Configuration(error.to_string().into());
    let tables = rows::tables(connection).await.map_err(failed)?;
    // In memory: no file of this may be left, or be needed.
    sqlx::query("PRAGMA temp_store = MEMORY").execute(&mut *connection).await?;
    sqlx::query("CREATE TEMP TABLE IF NOT EXISTS touched (name TEXT NOT NULL, key TEXT NOT NULL) STRICT")
        .execute(&mut *connection)
        .await?;
    for table in tables.values() {
        for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")] {
            let key = table.key.iter().map(|column| format!("{row}.\"{column}\"")).collect::<Vec<_>>().join(", ");
            let name = &table.name;
            let trigger = format!(
                "CREATE TEMP TRIGGER IF NOT EXISTS \"touched_{name}_{event}_{row}\" AFTER {event} ON main.\"{name}\"
                 BEGIN INSERT INTO touched (name, key) VALUES ('{name}', json_array({key})); END"
            );
            sqlx::query(AssertSqlSafe(trigger)).execute(&mut *connection).await?;
        }
    }
    Ok(tables)
}

/// The line of the transaction that is open on this connection, with the next number; `None` where it touched nothing, or where nothing
/// is watched: that is a schema on its way.
pub(super) async fn line(connection: &mut SqliteConnection, watched: &Watched) -> Result<Option<Line>, DbError> {
    if watched.is_empty() {
        return Ok(None);
    }
    let touched: BTreeSet<(String, String)> = sqlx::query_as("SELECT DISTINCT name, key FROM temp.touched")
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .collect();
    if touched.is_empty() {
        return Ok(None);
    }
    sqlx::query("DELETE FROM temp.touched").execute(&mut *connection).await?;
    let (db, seq, whole): (String, i64, bool) =
        sqlx::query_as("UPDATE journal SET seq = seq + 1 RETURNING id, seq, whole").fetch_one(&mut *connection).await?;
    let mut line = Line { db, seq, whole: whole && seq == 1, at: clock::now_ms(), ..Line::default() };
    for (name, key) in touched {
        let Some(table) = watched.get(&name) else { continue };
        let key: rows::Key = serde_json::from_str(&key)?;
        match rows::image(connection, table, &key).await? {
            Some(image) => line.put.entry(name).or_default().push(image),
            None => line.gone.entry(name).or_default().push(key),
        }
    }
    Ok(Some(line))
}
