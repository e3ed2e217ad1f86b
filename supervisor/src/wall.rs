//! The watch over the clock: whether somebody set it is looked at now and then, and what stands in rows is put right then. Who claims
//! a task with a budget looks by itself; this is for what waits while nobody claims anything.

use std::time::Duration;

use agentlab_platform::{clock, db::Db};
use tokio::task::JoinHandle;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// The clock is watched; it is not with the end of this value.
#[derive(Debug)]
pub(crate) struct Wall(JoinHandle<()>);

impl Drop for Wall {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Wall {
    /// Begins to look. Must be called inside a runtime.
    pub(crate) fn begin(db: &Db) -> Self {
        Self(tokio::spawn(watch(db.clone())))
    }
}

async fn watch(db: Db) {
    loop {
        if let Err(error) = db.watch_clock().await {
            tracing::warn!(%error, "whether the clock was set is looked at later");
        }
        tokio::time::sleep(clock::scaled(LOOK)).await;
    }
}
