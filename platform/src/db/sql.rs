//! `agentlab sql`: one read-only statement of the user's own. The connection itself is opened read only, so no wording
//! can write.

use sqlx::{Column, ConnectOptions, Row, TypeInfo, ValueRef, sqlite::SqliteConnectOptions};

use super::DbError;
use crate::home::Home;

/// The answer to a statement: column names and rows of JSON values.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// Runs `statement` without any way to change the database.
pub async fn query(home: &Home, statement: &str) -> Result<Table, DbError> {
    let mut connection = SqliteConnectOptions::new()
        .filename(home.database())
        .read_only(true)
        .pragma("query_only", "1")
        .connect()
        .await?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).fetch_all(&mut connection).await?;
    let columns = rows.first().map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
    Ok(Table {
        columns: columns.unwrap_or_default(),
        rows: rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect(),
    })
}

fn value(row: &sqlx::sqlite::SqliteRow, index: usize) -> serde_json::Value {
    use serde_json::Value;
    let Ok(raw) = row.try_get_raw(index) else { return Value::Null };
    if raw.is_null() {
        return Value::Null;
    }
    match raw.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.try_get::<i64, _>(index).map_or(Value::Null, Value::from),
        "REAL" => row.try_get::<f64, _>(index).map_or(Value::Null, Value::from),
        "BLOB" => row
            .try_get::<Vec<u8>, _>(index)
            .map_or(Value::Null, |bytes| Value::from(String::from_utf8_lossy(&bytes).into_owned())),
        _ => row.try_get::<String, _>(index).map_or(Value::Null, Value::from),
    }
}
