//! Rows as JSON, whatever table they are of. The *image* of a row is every column of it by name; its *key* the values of its
//! primary key, in order. Columns that an image does not name take their default, so that the image of an earlier release can
//! be put into a later schema. Which rows, and when, is not decided here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::DbError;

/// Every column of a row by name.
pub(crate) type Image = Map<String, Value>;
/// The values of a row's primary key.
pub(crate) type Key = Vec<Value>;

/// Tables without an image: those of apalis, which follow from `job`; the journal's own head; and what is known of processes,
/// calls and the clock of this moment.
const APART: [&str; 6] = ["Jobs", "Workers", "journal", "process", "call", "clock"];

/// What is known of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// The columns of its primary key, in order.
    pub(crate) key: Vec<String>,
}

/// Every table whose rows have images, by name.
pub(crate) async fn tables(connection: &mut SqliteConnection) -> Result<BTreeMap<String, Table>, DbError> {
    let columns: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT t.name, c.name, c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
         ORDER BY t.name, c.pk, c.cid",
    )
    .fetch_all(connection)
    .await?;
    let mut tables = BTreeMap::new();
    for (name, column, pk) in columns {
        if APART.contains(&name.as_str()) {
            continue;
        }
        let empty = Table { name: name.clone(), columns: Vec::new(), key: Vec::new() };
        let table = tables.entry(name).or_insert(empty);
        if pk > 0 {
            table.key.push(column.clone());
        }
        table.columns.push(column);
    }
    Ok(tables)
}

impl Table {
    fn where_key(&self) -> String {
        let parts = self.key.iter().enumerate().map(|(index, column)| format!("\"{column}\" IS ?{}", index + 1));
        parts.collect::<Vec<_>>().join(" AND ")
    }

    /// `json_object` of all columns.
    pub(crate) fn as_json(&self) -> String {
        let parts = self.columns.iter().map(|column| format!("'{column}', \"{column}\""));
        format!("json_object({})", parts.collect::<Vec<_>>().join(", "))
    }

    /// The key of the row that this is an image of; `None` where a part of it is missing.
    pub(crate) fn key_of(&self, image: &Image) -> Option<Key> {
        self.key.iter().map(|column| image.get(column).cloned()).collect()
    }
}

/// The row with this key as it stands; `None` where there is none.
pub(crate) async fn image(
    connection: &mut SqliteConnection,
    table: &Table,
    key: &[Value],
) -> Result<Option<Image>, DbError> {
    let asking = format!("SELECT {} FROM \"{}\" WHERE {}", table.as_json(), table.name, table.where_key());
    let asking = key.iter().fold(sqlx::query(AssertSqlSafe(asking)), bind);
    let found = asking.fetch_optional(connection).await?;
    found.map(|row| Ok(serde_json::from_str(row.try_get(0)?)?)).transpose()
}

/// Puts a row in; false where one with its key, or what it may not be beside, is there already. Columns that this schema does not
/// know are left out.
pub(crate) async fn insert(connection: &mut SqliteConnection, table: &Table, image: &Image) -> Result<bool, DbError> {
    let known: Vec<(&String, &Value)> = image.iter().filter(|(column, _)| table.columns.contains(column)).collect();
    let names = known.iter().map(|(column, _)| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
    let places = (1..=known.len()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
    let put = format!("INSERT INTO \"{}\" ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", table.name);
    let put = known.iter().fold(sqlx::query(AssertSqlSafe(put)), |put, (_, value)| bind(put, value));
    Ok(put.execute(connection).await?.rows_affected() > 0)
}

/// Removes the row with this key, if it is there.
pub(crate) async fn remove(connection: &mut SqliteConnection, table: &Table, key: &[Value]) -> Result<(), DbError> {
    let gone = format!("DELETE FROM \"{}\" WHERE {}", table.name, table.where_key());
    let gone = key.iter().fold(sqlx::query(AssertSqlSafe(gone)), bind);
    gone.execute(connection).await?;
    Ok(())
}

type Asking = Query<'static, Sqlite, SqliteArguments>;

/// The value as `SQLite` keeps it.
fn bind(query: Asking, value: &Value) -> Asking {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Bool(truth) => query.bind(i64::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => query.bind(whole),
            None => query.bind(number.as_f64()),
        },
        Value::String(text) => query.bind(text.clone()),
        Value::Array(_) | Value::Object(_) => query.bind(value.to_string()),
    }
}
