//! The pause in its row: durable before anybody says so, in force over every restart, and over by itself once its time has come,
//! since whoever claims compares that time. It holds what has not begun; a run that lives is taken up all the same (rule R7).

use agentlab_domain::pause;
use serde::Serialize;
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::{Db, DbError, Durability, Write};
use crate::{calendar, clock};

/// A pause that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PauseView {
    /// Unix milliseconds.
    pub since: i64,
    /// `None`: until somebody resumes.
    pub until: Option<i64>,
    pub by: String,
    /// For people.
    pub words: String,
}

impl PauseView {
    /// What is said of a task that is accepted meanwhile.
    pub fn kept(&self) -> String {
        pause::kept(self.until.map(|until| calendar::clock_time(until, clock::now_ms())).as_deref())
    }
}

/// The pause that is in force.
pub(super) async fn present(connection: &mut SqliteConnection) -> Result<Option<PauseView>, DbError> {
    let now = clock::now_ms();
    let row: Option<(i64, Option<i64>, String)> =
        sqlx::query_as("SELECT since, until, asked_by FROM pause WHERE until IS NULL OR until > ?1")
            .bind(now)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(since, until, by)| {
        let time = |at| calendar::clock_time(at, now);
        let words = pause::words(&time(since), until.map(time).as_deref(), &by);
        PauseView { since, until, by, words }
    }))
}

/// Pauses everything until then, in place of an earlier pause.
pub(super) async fn set(write: &mut Write, until: Option<i64>, by: &str) -> Result<(), DbError> {
    let now = clock::now_ms();
    sqlx::query(
        "INSERT INTO pause (id, since, until, asked_by) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET since = ?1, until = ?2, asked_by = ?3",
    )
    .bind(now)
    .bind(until)
    .bind(by)
    .execute(&mut **write)
    .await?;
    let subject = until.map_or_else(|| "until somebody resumes".into(), |at| format!("until {}", calendar::utc(at)));
    note(write, "pause", by, &subject).await
}

/// Ends the pause; false when none was in force.
pub(super) async fn lift(write: &mut Write, by: &str) -> Result<bool, DbError> {
    let lifted = present(write).await?.is_some();
    sqlx::query("DELETE FROM pause").execute(&mut **write).await?;
    if lifted {
        note(write, "resume", by, "everything").await?;
    }
    Ok(lifted)
}

async fn note(write: &mut Write, action: &str, by: &str, subject: &str) -> Result<(), DbError> {
    sqlx::query("INSERT INTO audit (at, action, actor, subject) VALUES (?1, ?2, ?3, ?4)")
        .bind(clock::now_ms())
        .bind(action)
        .bind(by)
        .bind(subject)
        .execute(&mut **write)
        .await?;
    Ok(())
}

impl Db {
    /// The pause that is in force.
    pub async fn paused(&self) -> Result<Option<PauseView>, DbError> {
        present(&mut *self.read().acquire().await?).await
    }

    /// Pauses everything until then (Unix milliseconds), or until somebody resumes.
    pub async fn pause(&self, until: Option<i64>, by: &str) -> Result<Option<PauseView>, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        set(&mut write, until, by).await?;
        let paused = present(&mut write).await?;
        write.commit().await?;
        Ok(paused)
    }

    /// Ends the pause; false when none was in force.
    pub async fn resume(&self, by: &str) -> Result<bool, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let lifted = lift(&mut write, by).await?;
        write.commit().await?;
        Ok(lifted)
    }
}
