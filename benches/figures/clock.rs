//! Time that two processes can compare. A *moment* is a reading of `CLOCK_MONOTONIC`, which is one clock for the whole
//! machine; std's `Instant` cannot be written down and read by another process.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// This moment, since some point in the past that is the same for every process.
pub(crate) fn now() -> Duration {
    // It cannot fail for this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

/// How long `work` takes, with what it returns.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = now();
    let done = work();
    (now().saturating_sub(began), done)
}
