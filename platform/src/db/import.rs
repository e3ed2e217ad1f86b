//! Rows from another machine, taken in by one transaction: killed anywhere it leaves the database as it was. It is for a database
//! that holds no work; of what a system leaves there by merely starting nothing stays.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    Db, DbError, Durability, Write, export, replay,
    rows::{self, Image, Table},
};
/// What is work, in tables, and in words for people.
const WORK: [(&str, &str); 6] = [
    ("job", "tasks"),
    ("run", "runs"),
    ("telegram_update", "messages from Telegram"),
    ("outbox", "messages to chats"),
    ("session", "conversations"),
    ("audit", "entries of the audit log"),
];

/// An import in progress; dropped without `finish` it leaves no trace.
#[derive(Debug)]
pub(crate) struct Receiving {
    write: Write,
    tables: BTreeMap<String, Table>,
    unknown: BTreeSet<String>,
    living: Vec<String>,
}

impl Db {
    /// Begins to take in; what this database holds that would be mixed with it, in words, where it has worked.
    pub(crate) async fn receive(&self) -> Result<Result<Receiving, String>, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        if let Some(words) = work(&mut write).await? {
            write.rollback().await?;
            return Ok(Err(words));
        }
        // Rows refer to rows of tables that come later.
        sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *write).await?;
        let tables = export::tables(&mut write).await?;
        for table in tables.values().filter(|table| table.name != "audit") {
            let clearing = AssertSqlSafe(format!("DELETE FROM \"{}\"", table.name));
            sqlx::query(clearing).execute(&mut *write).await?;
        }
        Ok(Ok(Receiving { write, tables, unknown: BTreeSet::new(), living: Vec::new() }))
    }
}

async fn work(connection: &mut SqliteConnection) -> Result<Option<String>, DbError> {
    for (table, what) in WORK {
        let counting = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{table}\""));
        let rows: i64 = sqlx::query_scalar(counting).fetch_one(&mut *connection).await?;
        if rows > 0 {
            return Ok(Some(format!("{rows} {what}")));
        }
    }
    Ok(None)
}

impl Receiving {
    /// Puts a row in. A table, or a column, that this release does not know is left out and named. False where a row with its key is
    /// there already.
    pub(crate) async fn put(&mut self, name: &str, image: &Image) -> Result<bool, DbError> {
        let Some(table) = self.tables.get(name) else {
            self.unknown.insert(name.to_owned());
            return Ok(true);
        };
        let columns = image.keys().filter(|column| !table.columns.contains(column));
        self.unknown.extend(columns.map(|column| format!("{name}.{column}")));
        if !rows::insert(&mut self.write, table, image).await? {
            return Ok(false);
        }
        let text = |column: &str| image.get(column).and_then(serde_json::Value::as_str).unwrap_or_default();
        if name == "run" && text("state") != "over" {
            self.living.push(text("id").to_owned());
        }
        Ok(true)
    }

    /// The next number of a table is above this one.
    pub(crate) async fn last_number(&mut self, name: &str, number: i64) -> Result<(), DbError> {
        if !self.tables.contains_key(name) {
            return Ok(());
        }
        let known = sqlx::query("UPDATE sqlite_sequence SET seq = MAX(seq, ?2) WHERE name = ?1")
            .bind(name)
            .bind(number)
            .execute(&mut *self.write)
            .await?;
        if known.rows_affected() == 0 {
            let first = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)").bind(name).bind(number);
            first.execute(&mut *self.write).await?;
        }
        Ok(())
    }

    /// The runs that were not over.
    pub(crate) fn living(&self) -> &[String] {
        &self.living
    }

    /// Looks at all of it, and commits. Returns what this release does not know and left out.
    pub(crate) async fn finish(mut self) -> Result<Vec<String>, DbError> {
        replay::queue_follows(&mut self.write).await?;
        // Nobody follows here what was followed elsewhere.
        sqlx::query("UPDATE run SET worker = NULL WHERE worker IS NOT NULL").execute(&mut *self.write).await?;
        let dangling: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM pragma_foreign_key_check").fetch_one(&mut *self.write).await?;
        let sound: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *self.write).await?;
        if dangling > 0 || sound != "ok" {
            let words = format!("{dangling} rows refer to rows that are not there; integrity_check says: {sound}");
            self.write.rollback().await?;
            return Err(DbError::Damaged(words));
        }
        self.write.commit().await?;
        Ok(self.unknown.into_iter().collect())
    }

    /// Leaves no trace.
    pub(crate) async fn give_up(self) -> Result<(), DbError> {
        self.write.rollback().await
    }
}
