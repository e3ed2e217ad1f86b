//! The async runtime: one thread, since every process does little and there are six of them.

use agentlab_platform::{home::Home, restore};

use crate::failure::Failure;

/// Runs `work` to its end.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(16).build()?.block_on(work)
}

/// For a verb that failed: whether the database is damaged, where a statement met what only that explains. Then it is condemned, and why
/// is told.
pub fn damage() -> Option<String> {
    let home = Home::open().ok()?;
    block_on(async { Ok(restore::condemn_what_was_met(&home).await) }).ok().flatten()
}
