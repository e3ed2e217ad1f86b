//! A *vigil* is a thread that waits for the lock of a post whose process we did not start: nobody tells us of its death,
//! but its lock becomes free at that moment. The lock is let go at once; it proves, it is not wanted.

use std::{path::PathBuf, sync::Arc, thread::JoinHandle};

use agentlab_platform::lock::Lock;
use tokio::sync::Notify;

/// Waiting for one death.
#[derive(Debug)]
pub(crate) struct Vigil(JoinHandle<()>);

impl Vigil {
    /// Waits for the lock at `path`, then wakes who waits for `died`. A thread of its own, since it may wait for months.
    pub(crate) fn begin(path: PathBuf, died: &Arc<Notify>) -> Self {
        let died = Arc::clone(died);
        Self(std::thread::spawn(move || {
            // A lock that cannot be waited for is looked at from time to time.
            if Lock::wait(&path).is_ok() {
                died.notify_one();
            }
        }))
    }

    /// Whether it still waits.
    pub(crate) fn lasts(&self) -> bool {
        !self.0.is_finished()
    }
}
