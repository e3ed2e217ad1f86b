//! What was done to heal a component, in rows: one for each rung that was taken.

use agentlab_domain::{ladder::Rung, role::Post};

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
