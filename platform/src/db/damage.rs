//! A *suspicion* that the database is damaged: some statement of this process, whichever, met what only damage explains. It is
//! a hint, and no more: whoever keeps the process looks for himself, and only what he finds counts.

use std::sync::atomic::{AtomicBool, Ordering};

use super::DbError;

/// Statements know no home, and errors pass everywhere: what one met is noted for the whole process.
static SUSPECTED: AtomicBool = AtomicBool::new(false);

/// Notes it.
pub(super) fn suspect() {
    SUSPECTED.store(true, Ordering::Relaxed);
}

/// Whether something was met since this was asked last.
pub fn was_met() -> bool {
    SUSPECTED.swap(false, Ordering::Relaxed)
}

/// The database has lost transactions that it held.
pub(super) fn behind(seq: i64, last: i64) -> DbError {
    suspect();
    DbError::Damaged(format!("it stands at transaction {seq}, and the journal has {last}: it lost what it held"))
}
