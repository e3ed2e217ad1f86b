//! Pruning in rows: what is older than its age goes, some at a time, so that nobody waits long for it. What it is that may go is said in
//! each statement here: never what has not ended, what is owed (`v_owed` does not change) or what a kept row refers to. How old is
//! too old is decided in `agentlab_domain::retention`; directories go first, by `crate::retention`.

mod money;
mod rest;
pub mod space;
mod tasks;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use rest::Kind;
pub use tasks::{Cursor, Ended};

use super::{Db, DbError, Durability, Write};
use crate::clock;

/// What went in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    /// Tasks, or rows of the kind that was asked for.
    pub rows: u64,
    /// How long nobody else could write.
    pub held: Duration,
}

/// A transaction of the pruner, and since when it keeps others waiting.
struct Held {
    write: Write,
    since: Instant,
}

impl Db {
    /// Pruned is NORMAL: what a power cut brings back goes again in the next pass.
    async fn begin_to_prune(&self) -> Result<Held, DbError> {
        let write = self.begin(Durability::Normal).await?;
        Ok(Held { write, since: clock::instant() })
    }
}

impl Held {
    async fn commit(self, rows: u64) -> Result<Gone, DbError> {
        self.write.commit().await?;
        Ok(Gone { rows, held: self.since.elapsed() })
    }
}
