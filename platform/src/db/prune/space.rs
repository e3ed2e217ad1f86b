//! The space of what is gone: given back to the disk some pages at a time, and what the planner knows of the rows kept up. A *page* is
//! `SQLite`'s unit of the file; the *free list* has those that nothing stands in.

use sqlx::AssertSqlSafe;

use super::{Db, DbError, Gone};
use crate::clock;

/// So many free pages stay, for what is written next: 4 MiB.
const SPARE: i64 = 1024;
/// Rows of an index that are looked at for what the planner knows.
const LOOKED_AT: u32 = 400;
/// What `PRAGMA auto_vacuum` says of a file that gives pages back.
const INCREMENTAL: i64 = 2;
/// A database of an earlier release is made anew only while it is smaller than so many pages: 256 MiB, a few seconds.
const MADE_ANEW: i64 = 65_536;

impl Db {
    /// The same database by a connection of its own, for work that may wait: what it commits is moved into the file by
    /// `move_on`, which nobody waits for, and not at the end of a transaction that others wait for.
    pub(crate) fn for_pruning(&self) -> Self {
        let options = super::super::options(&self.home().database(), sqlx::sqlite::SqliteSynchronous::Normal);
        Self {
            normal: super::super::pool_of(1).connect_lazy_with(options.pragma("wal_autocheckpoint", "0")),
            ..self.clone()
        }
    }

    /// Moves what the WAL holds into the file, as far as no reader needs it; keeps nobody waiting.
    pub async fn move_on(&self) -> Result<(), DbError> {
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_all(self.read()).await?;
        Ok(())
    }

    /// Gives at most so many free pages back to the disk, beyond those that are kept.
    pub async fn give_back(&self, many: u32) -> Result<Gone, DbError> {
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(self.read()).await?;
        let free = self.free_pages().await?;
        let going = (free - SPARE).min(i64::from(many));
        if mode != INCREMENTAL || going <= 0 {
            return Ok(Gone::default());
        }
        let mut held = self.begin_to_prune().await?;
        // It takes a step a page: all of them must be asked for.
        sqlx::query(AssertSqlSafe(format!("PRAGMA incremental_vacuum({going})"))).fetch_all(&mut *held.write).await?;
        let left: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *held.write).await?;
        held.commit(u64::try_from(free - left).unwrap_or_default()).await
    }

    async fn free_pages(&self) -> Result<i64, DbError> {
        Ok(sqlx::query_scalar("PRAGMA freelist_count").fetch_one(self.read()).await?)
    }

    /// Keeps up what the planner knows of the rows, where that has changed much.
    pub async fn keep_statistics(&self) -> Result<Gone, DbError> {
        let mut held = self.begin_to_prune().await?;
        sqlx::query(AssertSqlSafe(format!("PRAGMA analysis_limit = {LOOKED_AT}"))).execute(&mut *held.write).await?;
        sqlx::query("PRAGMA optimize").fetch_all(&mut *held.write).await?;
        held.commit(0).await
    }

    /// Makes the file of an earlier release anew, so that it can give pages back: once, where much of it is free, it is small enough,
    /// and no task has come or run for `quiet_ms`. Whether it did.
    pub async fn make_anew(&self, quiet_ms: i64) -> Result<bool, DbError> {
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(self.read()).await?;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(self.read()).await?;
        let free = self.free_pages().await?;
        if mode == INCREMENTAL || pages > MADE_ANEW || free <= SPARE || free * 4 < pages {
            return Ok(false);
        }
        let busy: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM job WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison'))
                 OR COALESCE((SELECT MAX(ended_at) FROM job), 0) > ?1",
        )
        .bind(clock::now_ms() - quiet_ms)
        .fetch_one(self.read())
        .await?;
        if busy {
            return Ok(false);
        }
        // Whoever writes waits for its turn instead of meeting a locked file.
        let _turn = self.ticket().await?;
        let mut connection = self.read().acquire().await?;
        sqlx::query("PRAGMA auto_vacuum = INCREMENTAL").execute(&mut *connection).await?;
        sqlx::query("VACUUM").execute(&mut *connection).await?;
        Ok(true)
    }
}
