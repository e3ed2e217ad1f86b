//! What was done to heal a component, in rows: one for each rung that was taken.

use agentlab_domain::{ladder::Rung, role::Post};
use serde::Serialize;

use super::{Db, DbError, Durability, crash};
use crate::clock;

impl Db {
    /// A rung was taken for the process at a post; `words` say what was done, or why nothing could be.
    pub async fn recovered(&self, post: Post, rung: Rung, changed: bool, words: &str) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query("INSERT INTO recovery (at, role, slot, rung, changed, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(clock::now_ms())
            .bind(post.role.as_str())
            .bind(post.slot)
            .bind(rung.as_str())
            .bind(changed)
            .bind(words)
            .execute(&mut *write)
            .await?;
        crash::forget_old(&mut write).await?;
        write.commit().await
    }
}

/// A rung that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RecoveryView {
    /// Unix milliseconds.
    pub at: i64,
    pub role: String,
    pub slot: u32,
    pub rung: String,
    pub changed: bool,
    pub words: String,
}

impl Db {
    /// The rungs that were taken last, the newest first.
    pub async fn recoveries(&self, limit: u32) -> Result<Vec<RecoveryView>, DbError> {
        let rows = "SELECT at, role, slot, rung, changed, words FROM recovery ORDER BY id DESC LIMIT ?1";
        Ok(sqlx::query_as(rows).bind(limit).fetch_all(self.read()).await?)
    }
}
