//! `sql`: a read-only question to the database. The views are documented in docs/SQL.md.

use agentlab_domain::exit_code;
use agentlab_platform::db::sql;
use serde_json::{Map, Value};

use crate::{failure::Failure, print, system};

/// Prints what `statement` finds.
pub async fn sql(statement: &str, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let table = sql::query(&system.home, statement).await.map_err(|error| Failure::words(error.to_string()))?;
    if as_json {
        let objects: Vec<Map<String, Value>> =
            table.rows.into_iter().map(|row| table.columns.iter().cloned().zip(row).collect()).collect();
        print::json(&objects)?;
        return Ok(exit_code::DONE);
    }
    let head: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let words = |value: Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    print::table(&head, table.rows.into_iter().map(|row| row.into_iter().map(words).collect()).collect());
    Ok(exit_code::DONE)
}
