//! `agentlab sql`: one read-only statement of the user's own. The connection itself is opened read only, so no wording
//! can write.

use sqlx::{
    Column, ConnectOptions, Executor, Row, SqlSafeStr, Statement, TypeInfo, ValueRef, sqlite::SqliteConnectOptions,
};

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
    if !is_question(statement) {
        return Err(DbError::NotAQuestion);
    }
    let mut connection = SqliteConnectOptions::new()
        .filename(home.database())
        .read_only(true)
        .pragma("query_only", "1")
        .connect()
        .await?;
    // Also of an answer without rows.
    let prepared = connection.prepare(sqlx::AssertSqlSafe(statement.to_owned()).into_sql_str()).await?;
    let columns = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let rows = prepared.query().fetch_all(&mut connection).await?;
    Ok(Table {
        columns,
        rows: rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect(),
    })
}

/// Whether it is one statement that only asks: `VACUUM INTO` would write a file even from a read-only connection, and of
/// two statements the rows would run together.
fn is_question(statement: &str) -> bool {
    let first = statement.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    let asks = ["SELECT", "WITH", "VALUES", "EXPLAIN"].iter().any(|word| first.eq_ignore_ascii_case(word));
    let mut quote = None;
    let end = statement.char_indices().find(|(_, c)| match (quote, c) {
        (None, '\'' | '"') => {
            quote = Some(*c);
            false
        }
        (None, ';') => true,
        (Some(open), c) if open == *c => {
            quote = None;
            false
        }
        (None | Some(_), _) => false,
    });
    asks && end.is_none_or(|(at, _)| statement.get(at + 1..).is_some_and(|rest| rest.trim().is_empty()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_and_nothing_else() {
        for good in [
            "SELECT 1",
            " (select 1)",
            "WITH x AS (SELECT 1) SELECT * FROM x;",
            "SELECT ';', \"a;b\" ; ",
            "EXPLAIN SELECT 1",
        ] {
            assert!(is_question(good), "{good}");
        }
        for bad in [
            "VACUUM INTO 'x'",
            "DELETE FROM job",
            "PRAGMA journal_mode=DELETE",
            "SELECT 1; SELECT 2",
            "",
            "ATTACH 'x' AS y",
        ] {
            assert!(!is_question(bad), "{bad}");
        }
    }
}
