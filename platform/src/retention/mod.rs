//! A *pass* of retention: what is older than its age goes, in files and in rows. Of a run its directory goes first, out of its name at
//! once; then the rows, in one transaction a batch. So a pass that is cut off anywhere leaves what the next one completes, and never
//! rows without their task or a directory that no row knows. Which ages hold is decided in `agentlab_domain::retention`.

mod logs;
mod runs;
#[cfg(test)]
mod tests;

use std::{
    io,
    time::{Duration, Instant},
};

use agentlab_domain::retention::{self, Before, Pressure};
use serde::{Deserialize, Serialize};

pub use logs::read_archive;

use crate::{
    clock,
    db::{
        Db, DbError,
        prune::{Cursor, Gone, Kind},
    },
    files,
    home::Home,
    lock::{Lock, Mode},
};

/// Between two batches others have their turn.
const YIELD: Duration = Duration::from_millis(5);
/// While the database is copied nothing goes; so often is asked whether that is over, and so long in all.
const ASK: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_mins(5);
/// After so many batches what they wrote is moved on.
const MOVE_ON: u32 = 8;
/// An earlier release's file is made anew only when no task has come or run for so long.
const QUIET_MS: i64 = 600_000;

/// Why a pass did not come to its end; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("{0}")]
    Db(#[from] DbError),
    #[error("what is old could not be removed: {0}")]
    File(#[from] io::Error),
    #[error("the database is being copied for very long")]
    Copied,
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pass {
    /// When it ended, Unix milliseconds.
    pub at: i64,
    pub tasks: u64,
    pub directories: u64,
    /// Rows of other kinds.
    pub rows: u64,
    pub archived_logs: u64,
    /// Pages that were given back to the disk.
    pub pages: u64,
    /// For how long others could not write at most.
    pub longest_ms: u64,
    pub transactions: u64,
}

/// Removes what is older; `pressure` says whether logs are put into archives too.
pub async fn pass(db: &Db, before: Before, pressure: Pressure) -> Result<Pass, RetentionError> {
    let mut going = Going { db: db.for_pruning(), many: retention::FIRST, pass: Pass::default(), batches: 0 };
    going.files(before, pressure).await?;
    going.tasks(before.jobs).await?;
    for kind in Kind::ALL {
        let before = match kind {
            Kind::Updates => before.updates,
            Kind::Audit => before.audit,
            Kind::Alerts => before.alerts,
            Kind::Hours => before.hours,
            Kind::Interventions | Kind::Messages | Kind::Sessions | Kind::Said => before.jobs,
        };
        going.rest(kind, before).await?;
    }
    going.space(pressure).await?;
    let pass = Pass { at: clock::now_ms(), ..going.pass };
    files::put(&db.home().retention(), &serde_json::to_vec(&pass).map_err(io::Error::from)?)?;
    Ok(pass)
}

/// What the last pass did that came to its end.
pub fn last(home: &Home) -> Option<Pass> {
    serde_json::from_slice(&std::fs::read(home.retention()).ok()?).ok()
}

/// A pass under way.
struct Going {
    db: Db,
    /// How many go next.
    many: u32,
    pass: Pass,
    batches: u32,
}

impl Going {
    async fn files(&mut self, before: Before, pressure: Pressure) -> Result<(), RetentionError> {
        self.pass.directories += runs::remove_old(&self.db, before.runs).await?;
        let folder = self.db.home().logs();
        let kept = tokio::task::spawn_blocking(move || logs::keep(&folder, before.logs, pressure)).await;
        self.pass.archived_logs += kept.map_err(io::Error::other)??;
        Ok(())
    }

    async fn tasks(&mut self, before: i64) -> Result<(), RetentionError> {
        let mut after = Cursor::default();
        loop {
            let found = self.db.tasks_to_prune(before, after, self.many).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = last.cursor();
            let home = self.db.home().clone();
            let (freed, removed) = tokio::task::spawn_blocking(move || runs::remove_of(&home, found))
                .await
                .map_err(io::Error::other)??;
            self.pass.directories += removed;
            if freed.is_empty() {
                continue;
            }
            let ids: Vec<&str> = freed.iter().map(String::as_str).collect();
            let gone = {
                let _turn = self.turn().await?;
                self.db.prune_tasks(&ids).await?
            };
            self.pass.tasks += gone.rows;
            self.after(gone).await?;
        }
    }

    async fn rest(&mut self, kind: Kind, before: i64) -> Result<(), RetentionError> {
        loop {
            let gone = {
                let _turn = self.turn().await?;
                self.db.prune(kind, before, self.many).await?
            };
            if gone.rows == 0 {
                return Ok(());
            }
            self.pass.rows += gone.rows;
            self.after(gone).await?;
        }
    }

    async fn space(&mut self, pressure: Pressure) -> Result<(), RetentionError> {
        let statistics = self.db.keep_statistics().await?;
        self.note(statistics);
        // It takes the room of a second copy.
        if pressure == Pressure::Enough && self.db.make_anew(clock::scaled_ms(QUIET_MS)).await? {
            tracing::info!("the database was made anew: from now on it gives its room back by itself");
        }
        self.many = retention::FIRST;
        loop {
            let gone = {
                let _turn = self.turn().await?;
                self.db.give_back(self.many).await?
            };
            if gone.rows == 0 {
                return Ok(self.db.move_on().await?);
            }
            self.pass.pages += gone.rows;
            self.after(gone).await?;
        }
    }

    /// While the database is copied nothing goes: a copy holds no less than was counted before it.
    async fn turn(&self) -> Result<Lock, RetentionError> {
        let (path, began) = (self.db.home().lock("prune"), Instant::now());
        loop {
            if let Some(turn) = Lock::try_take(&path, Mode::Exclusive)? {
                return Ok(turn);
            }
            if began.elapsed() > clock::scaled(PATIENCE) {
                return Err(RetentionError::Copied);
            }
            tokio::time::sleep(clock::scaled(ASK)).await;
        }
    }

    fn note(&mut self, gone: Gone) {
        self.pass.transactions += 1;
        self.pass.longest_ms = self.pass.longest_ms.max(u64::try_from(gone.held.as_millis()).unwrap_or(u64::MAX));
    }

    /// Others have their turn, and the next batch is as large as this one took long.
    async fn after(&mut self, gone: Gone) -> Result<(), RetentionError> {
        self.note(gone);
        self.many = retention::next_batch(self.many, gone.held.as_secs_f64() * 1000.0);
        self.batches += 1;
        if self.batches.is_multiple_of(MOVE_ON) {
            self.db.move_on().await?;
        }
        tokio::time::sleep(YIELD).await;
        Ok(())
    }
}
