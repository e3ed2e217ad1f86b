//! The long-lived processes in rows: one a post. A *heartbeat* is a counter that carries progress, so that a frozen loop
//! is not green; nobody is judged by the wall time beside it.

use agentlab_domain::role::Post;
use serde::Serialize;

use super::{Db, DbError, Durability, crash};
use crate::{clock, identity::Identity, release};

/// A process as its row has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct ProcessRow {
    pub role: String,
    pub slot: u32,
    pub name: String,
    pub boot: String,
    pub pid: i32,
    pub start_time: i64,
    pub version: String,
    pub started_at: i64,
    pub ready_at: Option<i64>,
    pub heartbeat: i64,
    pub progress: i64,
    pub seen_at: i64,
    pub note: Option<String>,
    /// SHA-256 of the configuration under which it runs; `None` in the row of an earlier release.
    pub config: Option<String>,
    /// The commit that it was built from, where that is known.
    pub commit_hash: Option<String>,
}

impl ProcessRow {
    /// Whether it fills this post.
    pub fn is_at(&self, post: Post) -> bool {
        self.role == post.role.as_str() && self.slot == post.slot
    }

    /// Who it is.
    pub fn identity(&self) -> Identity {
        Identity { boot: self.boot.clone(), pid: self.pid, start: self.start_time }
    }
}

impl Db {
    /// Enters this process at its post, in place of the one before it.
    pub async fn enter(&self, post: Post, name: &str, identity: &Identity, config: &str) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query("DELETE FROM process WHERE role = ?1 AND slot = ?2")
            .bind(post.role.as_str())
            .bind(post.slot)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO process (role, slot, name, boot, pid, start_time, version, started_at, seen_at, config, commit_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10)",
        )
        .bind(post.role.as_str())
        .bind(post.slot)
        .bind(name)
        .bind(&identity.boot)
        .bind(identity.pid)
        .bind(identity.start)
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(clock::now_ms())
        .bind(config)
        .bind(release::current().commit)
        .execute(&mut *write)
        .await?;
        crash::started(&mut write, post).await?;
        write.commit().await
    }

    /// Notes that this process is ready.
    pub async fn mark_ready(&self, name: &str) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query("UPDATE process SET ready_at = ?2 WHERE name = ?1")
            .bind(name)
            .bind(clock::now_ms())
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    /// One more turn of this process' loop; `progress` counts what it got done, `note` says what is wrong.
    pub async fn heartbeat(&self, name: &str, progress: i64, note: Option<&str>) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query(
            "UPDATE process SET heartbeat = heartbeat + 1, progress = ?2, note = ?3, seen_at = ?4 WHERE name = ?1",
        )
        .bind(name)
        .bind(progress)
        .bind(note)
        .bind(clock::now_ms())
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// Forgets workers at slots above `count` that do not live: what is not wanted is not "down".
    pub async fn forget_slots_above(&self, count: u32) -> Result<(), DbError> {
        let rows = self.processes().await?;
        let gone = rows.into_iter().filter(|row| {
            row.role == "worker" && row.slot > count && row.identity().living() == crate::identity::Living::No
        });
        for row in gone {
            let mut write = self.begin(Durability::Normal).await?;
            sqlx::query("DELETE FROM process WHERE name = ?1").bind(&row.name).execute(&mut *write).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// The newest process of every post.
    pub async fn processes(&self) -> Result<Vec<ProcessRow>, DbError> {
        Ok(sqlx::query_as("SELECT * FROM process ORDER BY role, slot").fetch_all(self.read()).await?)
    }
}
