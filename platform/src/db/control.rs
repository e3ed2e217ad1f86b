//! What was changed while the system runs, over the configuration: a *control*. It holds only as long as the configured value
//! is the one over which it was set: whoever changes the configuration has the last word.

use agentlab_domain::role::MOST_WORKERS;

use super::{Db, DbError, Durability};
use crate::clock;

impl Db {
    /// So many workers are wanted from now on, in place of the configured count.
    pub async fn scale(&self, wanted: u32, configured: u32, by: &str) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let now = clock::now_ms();
        sqlx::query(
            "INSERT INTO control (key, value, configured, at) VALUES ('workers', ?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET value = ?1, configured = ?2, at = ?3",
        )
        .bind(wanted)
        .bind(configured)
        .bind(now)
        .execute(&mut *write)
        .await?;
        sqlx::query("INSERT INTO audit (at, action, actor, subject) VALUES (?1, 'scale', ?2, ?3)")
            .bind(now)
            .bind(by)
            .bind(format!("{wanted} workers"))
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    /// How many workers are wanted now.
    pub async fn workers_wanted(&self, configured: u32) -> Result<u32, DbError> {
        let set: Option<i64> =
            sqlx::query_scalar("SELECT value FROM control WHERE key = 'workers' AND configured = ?1")
                .bind(configured)
                .fetch_optional(self.read())
                .await?;
        let sane = set.and_then(|set| u32::try_from(set).ok()).filter(|set| (1..=MOST_WORKERS).contains(set));
        Ok(sane.unwrap_or(configured))
    }
}
