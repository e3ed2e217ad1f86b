//! A checkpoint: what committed work the WAL holds is moved into the database, and the WAL begins anew. The file itself is
//! never deleted by us: what stands in it is committed.

use std::{fs, path::PathBuf, time::Duration};

use super::{Db, DbError};
use crate::clock;

/// How long others may keep it from beginning.
const PATIENCE: Duration = Duration::from_secs(3);
/// Of the WAL: its header, and what stands before each page.
const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

impl Db {
    /// Moves what the WAL holds into the database; returns how many pages that were. While somebody writes or reads an
    /// older state nothing is moved for good, and the answer is 0.
    pub async fn checkpoint(&self) -> Result<u64, DbError> {
        let moved = tokio::time::timeout(clock::scaled(PATIENCE), self.truncate()).await;
        moved.unwrap_or(Ok(0))
    }

    async fn truncate(&self) -> Result<u64, DbError> {
        let _turn = self.ticket().await?;
        let mut connection = self.read().acquire().await?;
        let page_size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *connection).await?;
        let before = self.wal_bytes();
        let done = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)");
        match done.fetch_one(&mut *connection).await.map_err(DbError::from) {
            Ok((0, _, _)) => {
                let frame = FRAME_HEADER + page_size.unsigned_abs();
                Ok(before.saturating_sub(self.wal_bytes()).saturating_sub(HEADER).div_ceil(frame.max(1)))
            }
            // The first number says that somebody was in the way.
            Ok(_) => Ok(0),
            Err(error) if error.is_busy() => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// How large the WAL is.
    pub fn wal_bytes(&self) -> u64 {
        let mut path = self.home().database().into_os_string();
        path.push("-wal");
        fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
    }
}
