//! The async runtime: one thread, since every process does little and there are six of them.

use crate::failure::Failure;

/// Runs `work` to its end.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(16).build()?.block_on(work)
}
