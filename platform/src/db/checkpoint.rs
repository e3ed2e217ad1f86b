//! A checkpoint: what committed work the WAL holds is moved into the database, and the WAL begins anew. The file itself is
//! never deleted by us: what stands in it is committed.

use std::{fs, path::PathBuf, time::Duration};

use agentlab_domain::room;
use sqlx::SqlitePool;

use super::{Db, DbError};
use crate::{clock, disk};

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

    /// Lets the WAL begin anew where the disk has little room left: else it grows to 4 MiB, and a disk with less than that is filled by
    /// it alone. Its file stays, so that the transaction that follows has room. The caller has the ticket.
    pub(super) async fn make_room_in_the_wal(&self, pool: &SqlitePool) {
        // The disk is asked only where that may decide: every transaction comes by here.
        let wal = self.wal_bytes();
        if room::wal_presses(wal, Some(0))
            && room::wal_presses(wal, disk::room(self.home().path()).map(|room| room.free))
            && let Err(error) = begin_anew(pool).await
        {
            tracing::debug!(%error, "the WAL cannot begin anew now");
        }
    }

    /// How large the WAL is.
    pub fn wal_bytes(&self) -> u64 {
        let mut path = self.home().database().into_os_string();
        path.push("-wal");
        fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
    }
}

/// Writes what the WAL holds into the database, and waits a moment for those who still read there: the next transaction takes the place of
/// the first.
pub(super) async fn begin_anew(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_all(pool).await.map(|_| ())
}
