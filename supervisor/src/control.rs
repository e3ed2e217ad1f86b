//! What was changed while the system runs: how many workers are wanted. While the database cannot be read, what was wanted
//! before is wanted on.

use std::time::Duration;

use agentlab_platform::{clock, life::Life};

/// How long a locked database may keep us.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many workers are wanted now; `before` when nobody can tell.
pub(crate) async fn workers(life: &Life, before: u32) -> u32 {
    let wanted = life.db.workers_wanted(life.config.workers.count);
    match tokio::time::timeout(clock::scaled(PATIENCE), wanted).await {
        Ok(Ok(wanted)) => wanted,
        Ok(Err(_)) | Err(_) => before,
    }
}

/// Forgets the rows of workers that nobody wants any more: they are not "down".
pub(crate) async fn forget(life: &Life, workers: u32) {
    match tokio::time::timeout(clock::scaled(PATIENCE), life.db.forget_slots_above(workers)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a worker that nobody wants any more is still listed"),
        Err(_) => tracing::warn!("the database is locked: a worker that nobody wants any more is still listed"),
    }
}
