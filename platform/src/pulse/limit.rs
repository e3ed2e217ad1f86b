//! The limits that loops promise. A *limit* is what the waits of one turn add up to, twice: each wait has an end of its own,
//! and a machine that is very busy adds to all of them. Waiting for somebody else's lock is a wait like any other; a loop
//! that is late beyond all of that hangs, and its process is ended for it.

use std::time::Duration;

use crate::clock;

/// How long a read may wait for a connection of its pool.
pub const READ: Duration = Duration::from_secs(30);
/// How long a write may wait for its turn and for the lock.
pub const WRITE: Duration = Duration::from_secs(15);
/// Tests shorten no limit further: a busy machine must not look like a frozen loop.
const SHORTEST: Duration = Duration::from_secs(5);

/// The limit of a turn whose waits add up to so much, before tests shorten time.
pub fn within(waits: Duration) -> Duration {
    (clock::scaled(waits) * 2).max(SHORTEST)
}
