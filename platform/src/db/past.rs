//! Tasks that are *past*: they ended, their age is over, and one row says that they were. A task that is neither there nor past never was.

use agentlab_domain::retention::DAY_MS;
use sqlx::SqliteConnection;

use super::{Db, DbError};
use crate::calendar;

/// What is left of a task.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Past {
    pub number: i64,
    pub state: String,
    pub ended_at: i64,
    pub removed_at: i64,
}

impl Past {
    /// For whoever asks for it.
    pub fn words(&self) -> String {
        let Self { number, state, ended_at, removed_at } = self;
        let days = (removed_at - ended_at).max(0) / DAY_MS;
        format!(
            "task {number} ended on {} ({state}); what it was and what it said was removed after {days} days",
            calendar::period(*ended_at).day
        )
    }
}

/// What is said of a task that is not there.
pub(super) async fn missing(connection: &mut SqliteConnection, number: i64) -> Result<String, DbError> {
    let past: Option<Past> =
        sqlx::query_as("SELECT number, state, ended_at, removed_at FROM job_past WHERE number = ?1")
            .bind(number)
            .fetch_optional(connection)
            .await?;
    Ok(past.map_or_else(|| format!("there is no task {number}"), |past| past.words()))
}

/// The same as a sentence of its own.
pub(super) async fn sentence(connection: &mut SqliteConnection, number: i64) -> Result<String, DbError> {
    let words = missing(connection, number).await?;
    Ok(format!("{}{}.", words[..1].to_uppercase(), &words[1..]))
}

impl Db {
    /// What is said of task `number` where it is not there.
    pub async fn missing(&self, number: i64) -> Result<String, DbError> {
        missing(&mut *self.read().acquire().await?, number).await
    }
}
