//! A *leap*: numbers that were skipped on purpose. A database that was restored with less than there had been does not know which numbers
//! the lost transactions had, and gives none of them twice: what comes later begins far above, and the journal says from where. So a
//! backup of what was given up then is never joined to what came later (`is_left`).

use std::io;

use super::{gap, segments};
use crate::home::Home;

/// More transactions than any database lost.
const FAR: i64 = 1_000_000_000;

/// After the number `from` comes `to + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leap {
    pub from: i64,
    pub to: i64,
}

impl Leap {
    /// From where a database stands; Unix milliseconds. What is given later is higher, also where the leap before it was lost with its
    /// journal: far fewer transactions than milliseconds go by.
    pub fn after(seq: i64, now_ms: i64) -> Self {
        Self { from: seq, to: now_ms.max(seq + FAR) }
    }

    /// Whether a number was given before it, and given up by it.
    pub const fn is_left(self, seq: i64) -> bool {
        self.from < seq && seq < self.to
    }
}

/// Has the journal of the database `db` go on behind it. Until there is a backup of what comes then, it is one to be made.
pub fn leap(home: &Home, db: &str, leap: Leap) -> io::Result<()> {
    segments::begin(home, db, leap.to, Some(leap.from))?;
    gap::note(home)
}
