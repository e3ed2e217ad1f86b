//! That the database was restored is told to the owner, by every channel of alerts; whoever restored it has left a report. Whether
//! it was told before is in the book of alerts.

use agentlab_platform::{clock, home::Home, restore};

use crate::alerts::Alerts;

/// What is older than this was told, or nobody is to be told any more, in milliseconds.
const OLD_MS: i64 = 7 * 24 * 3_600_000;

/// Tells it.
pub(crate) fn tell(home: &Home, alerts: &Alerts) {
    let recent = |at: i64| (0..OLD_MS).contains(&(clock::now_ms() - at));
    if let Some(report) = restore::last(home).filter(|report| recent(report.at)) {
        alerts.tell(format!("database:restored:{}", report.at), report.words());
    }
}
