//! Retention: how long what has ended is kept. To *prune* is to remove what is older than its age. Nothing that has not ended, that
//! is owed or that still counts has an age. This says which age holds and how much goes at a time; it removes nothing.

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 3_600_000;
/// So many days of tasks and runs stay, however full the disk is.
pub const PRESSED_DAYS: i64 = 7;
/// What Telegram gave us stays for so many days: it keeps updates for one, and after a quiet week ids begin anew.
pub const UPDATES_DAYS: i64 = 3;
/// Logs stay for so many days.
pub const LOGS_DAYS: i64 = 7;
/// Alerts stay for so many days, and the hours of uptime, of which a month is shown.
pub const ALERTS_DAYS: i64 = 30;
pub const HOURS_DAYS: i64 = 40;
/// The schema itself lets nothing of the audit log go that is younger.
pub const AUDIT_LEAST_DAYS: i64 = 30;

/// Others may have to wait for so long while rows go, in milliseconds: a sixth of what is promised, since on a busy machine one batch
/// takes five times as long as the one before it.
const AIM_MS: f64 = 8.0;
/// Rows of one kind that go at a time, at most and in the beginning.
const MOST: u32 = 200;
pub const FIRST: u32 = 8;

/// What was configured, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Tasks that ended, with all that belongs to them; messages, conversations and restarts that belong to none.
    pub jobs: i64,
    /// What the agents of runs that are over printed.
    pub runs: i64,
    /// Who did what.
    pub audit: i64,
}

impl Default for Ages {
    fn default() -> Self {
        Self { jobs: 90, runs: 30, audit: 365 }
    }
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    Enough,
    /// The disk is nearly full: room matters more than the past.
    Pressed,
}

/// What ended, or was written, before these times (Unix milliseconds) goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub jobs: i64,
    pub runs: i64,
    pub updates: i64,
    pub logs: i64,
    pub alerts: i64,
    pub hours: i64,
    pub audit: i64,
}

/// What goes at `now`.
pub fn before(ages: Ages, pressure: Pressure, now: i64) -> Before {
    let days = |age: i64| match pressure {
        Pressure::Enough => age,
        Pressure::Pressed => age.min(PRESSED_DAYS),
    };
    // A task that is gone leaves no directory behind.
    let (jobs, runs) = (days(ages.jobs), days(ages.runs.min(ages.jobs)));
    let ago = |days: i64| now.saturating_sub(days.saturating_mul(DAY_MS));
    Before {
        jobs: ago(jobs),
        runs: ago(runs),
        updates: ago(UPDATES_DAYS),
        logs: ago(LOGS_DAYS),
        alerts: ago(ALERTS_DAYS),
        hours: ago(HOURS_DAYS),
        audit: ago(ages.audit.max(AUDIT_LEAST_DAYS)),
    }
}

/// How many go next, after so many kept the others waiting for `held_ms`: as many as take what is aimed at, at most twice as many
/// as before, never none.
pub fn next_batch(many: u32, held_ms: f64) -> u32 {
    let fits = if held_ms > 0.0 { f64::from(many) * AIM_MS / held_ms } else { f64::from(MOST) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and MOST")]
    let fits = fits.clamp(1.0, f64::from(MOST)) as u32;
    fits.min(many.saturating_mul(2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 2_000 * DAY_MS;

    fn days(before: Before) -> [i64; 5] {
        [before.jobs, before.runs, before.updates, before.logs, before.audit].map(|at| (NOW - at) / DAY_MS)
    }

    #[test]
    fn ages_are_those_configured_and_a_week_where_the_disk_is_nearly_full() {
        assert_eq!(days(before(Ages::default(), Pressure::Enough, NOW)), [90, 30, 3, 7, 365]);
        assert_eq!(days(before(Ages::default(), Pressure::Pressed, NOW)), [7, 7, 3, 7, 365]);
        let few = Ages { jobs: 2, runs: 30, audit: 1 };
        assert_eq!(days(before(few, Pressure::Enough, NOW)), [2, 2, 3, 7, 30], "no directory outlives its task");
        assert_eq!(days(before(few, Pressure::Pressed, NOW)), [2, 2, 3, 7, 30], "pressure keeps nothing longer");
    }

    #[test]
    fn no_age_reaches_beyond_the_beginning_of_time() {
        let long = Ages { jobs: i64::MAX, runs: i64::MAX, audit: i64::MAX };
        assert!(before(long, Pressure::Enough, NOW).jobs <= 0);
    }

    #[test]
    fn a_batch_grows_twofold_at_most_shrinks_at_once_and_is_never_empty() {
        assert_eq!(next_batch(8, 1.0), 16);
        assert_eq!(next_batch(8, 0.0), 16);
        assert_eq!(next_batch(100, 8.0), 100);
        assert_eq!(next_batch(100, 16.0), 50);
        assert_eq!(next_batch(100, 200_000.0), 1);
        assert_eq!(next_batch(1, 5_000.0), 1);
        assert_eq!(next_batch(200, 0.1), 200);
        assert_eq!(next_batch(u32::MAX, 0.1), 200);
        // Whatever one row costs, it settles below what is promised.
        for cost_ms in [0.001, 0.05, 0.4, 3.0, 12.0] {
            let mut many = FIRST;
            for _ in 0..12 {
                many = next_batch(many, f64::from(many) * cost_ms);
            }
            assert!(f64::from(many) * cost_ms <= 8.0 + cost_ms, "{many} of {cost_ms} ms");
        }
    }
}
