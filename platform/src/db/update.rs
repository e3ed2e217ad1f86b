//! Another release was put in place: who asked for it, and the restart that makes everything run from it.

use agentlab_domain::intervention::Kind;

use super::{Db, DbError, Durability, intervention};
use crate::clock;

/// What was done, as the audit log calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Update,
    Rollback,
}

impl Change {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Update, Self::Rollback];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Rollback => "rollback",
        }
    }
}

impl Db {
    /// Notes who put which release in place and, where a system runs, asks for its restart in the same transaction.
    pub async fn put_in_place(
        &self,
        change: Change,
        by: &str,
        release: &str,
        restart: bool,
    ) -> Result<Option<i64>, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        sqlx::query("INSERT INTO audit (at, action, actor, subject) VALUES (?1, ?2, ?3, ?4)")
            .bind(clock::now_ms())
            .bind(change.as_str())
            .bind(by)
            .bind(release)
            .execute(&mut *write)
            .await?;
        let asked = intervention::Asked { kind: Kind::Restart, role: None, by, notice: None };
        let id = if restart { Some(intervention::ask(&mut write, &asked).await?) } else { None };
        write.commit().await?;
        Ok(id)
    }
}
