//! Uptime. The system *serves* while at least one worker is ready, the bot that is configured is too, and the database can be read:
//! what `/health` answers with 200. Uptime is the time in which it served, of the time since it was first watched. Time in which
//! nobody watched (the machine was off or asleep, nothing was started) counts as down.
//!
//! How long something lasted is measured with the monotonic clock, so that a clock that is set invents nothing; wall time says only
//! to which hour it belongs.

/// An hour of UTC, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// What was served so lately need not be noted yet.
pub const LAG_MS: i64 = 60_000;

/// What passed between two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    pub watched_ms: i64,
    pub served_ms: i64,
}

/// What the time between two looks counts for: nothing where it is longer than `longest`, since nobody watched; and it was served
/// where both looks found it so.
pub fn between(gap_ms: i64, longest_ms: i64, before: bool, now: bool) -> Passed {
    if gap_ms <= 0 || gap_ms > longest_ms {
        return Passed::default();
    }
    Passed { watched_ms: gap_ms, served_ms: if before && now { gap_ms } else { 0 } }
}

/// What is known of one hour of UTC; Unix milliseconds, and lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// When it began.
    pub from: i64,
    pub first_at: i64,
    pub last_at: i64,
    pub served_ms: i64,
}

/// The beginning of the hour in which a moment lies.
pub fn hour_of(at: i64) -> i64 {
    at.div_euclid(HOUR_MS) * HOUR_MS
}

/// The share of the time from `from` (from the hour in which it lies) until `until` that was served, from 0 to 1; `now` tells what
/// may not be noted yet. `None` where the system was not watched before `until`.
pub fn ratio(hours: &[Hour], from: i64, until: i64, now: i64) -> Option<f64> {
    // What lies in the future was written under another clock.
    let past = || hours.iter().filter(|hour| hour.first_at < until && hour.first_at <= now);
    let first = past().map(|hour| hour.first_at).min()?;
    let last = past().map(|hour| hour.last_at).max()?;
    let until = until.min(now);
    let until = if until - last <= LAG_MS { last.min(until) } else { until };
    let begin = hour_of(from).max(first);
    let all = until - begin;
    let within = |hour: &Hour| {
        let room = (hour.from + HOUR_MS).min(until) - hour.from.max(begin);
        hour.served_ms.clamp(0, room.max(0))
    };
    let served: i64 = past().map(within).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    (all > 0).then(|| (served as f64 / all as f64).clamp(0.0, 1.0))
}

/// A share in percent, in words: never more than it was, so that only what never failed is `100 %`.
pub fn percent(ratio: f64) -> String {
    let hundredths = (ratio * 10_000.0).floor() / 100.0;
    if hundredths >= 100.0 { "100 %".into() } else { format!("{hundredths:.2} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR_MS;

    fn hour(n: i64, served_ms: i64) -> Hour {
        Hour { from: n * HOUR_MS, first_at: n * HOUR_MS, last_at: (n + 1) * HOUR_MS, served_ms }
    }

    #[test]
    fn only_what_two_looks_enclose_is_counted() {
        for (gap, before, now, watched, served) in [
            (1000, true, true, 1000, 1000),
            (1000, true, false, 1000, 0),
            (1000, false, true, 1000, 0),
            (1000, false, false, 1000, 0),
            (0, true, true, 0, 0),
            (-5, true, true, 0, 0),
            (5000, true, true, 5000, 5000),
            (5001, true, true, 0, 0),
        ] {
            let passed = between(gap, 5000, before, now);
            assert_eq!((passed.watched_ms, passed.served_ms), (watched, served), "{gap} {before} {now}");
        }
    }

    #[test]
    fn it_is_the_share_since_it_was_first_watched() {
        assert_eq!(ratio(&[], 0, DAY, DAY), None);
        let full = [hour(10, HOUR_MS), hour(11, HOUR_MS)];
        let now = 12 * HOUR_MS;
        assert_eq!(ratio(&full, 0, now, now), Some(1.0), "what was before the first look says nothing");
        assert_eq!(ratio(&[hour(10, HOUR_MS), hour(11, HOUR_MS / 2)], 0, now, now), Some(0.75));
        // Nobody watched from hour 12 to 14.
        let now = 14 * HOUR_MS;
        assert_eq!(ratio(&full, 0, now, now), Some(0.5));
        assert_eq!(ratio(&full, now - HOUR_MS, now, now), Some(0.0), "the whole window was down");
    }

    #[test]
    fn a_window_takes_its_first_hour_whole_and_no_more_than_it_has() {
        let hours = [hour(9, HOUR_MS), hour(10, 0), hour(11, HOUR_MS)];
        let now = 12 * HOUR_MS;
        assert_eq!(ratio(&hours, 10 * HOUR_MS + 5, now, now), Some(0.5));
        // The same hour lived twice, since the clock was set back.
        let twice = [hour(10, 2 * HOUR_MS), hour(11, 0)];
        assert_eq!(ratio(&twice, 10 * HOUR_MS, now, now), Some(0.5));
        // A week that is over.
        assert_eq!(ratio(&hours, 9 * HOUR_MS, 11 * HOUR_MS, now), Some(0.5));
        assert_eq!(ratio(&hours, 0, 9 * HOUR_MS, now), None, "before it was watched");
    }

    #[test]
    fn what_is_not_noted_yet_is_not_down_and_what_lies_ahead_is_not_there() {
        let now = 10 * HOUR_MS + 50_000;
        let young = Hour { from: 10 * HOUR_MS, first_at: 10 * HOUR_MS, last_at: now - 20_000, served_ms: 30_000 };
        assert_eq!(ratio(&[young], 0, now, now), Some(1.0));
        assert!(ratio(&[young], 0, now + LAG_MS, now + LAG_MS).unwrap() < 0.4, "by then it is down");
        assert_eq!(ratio(&[hour(20, HOUR_MS)], 0, now, now), None);
        assert_eq!(ratio(&[young, hour(20, HOUR_MS)], 0, now, now), Some(1.0));
    }

    #[test]
    fn only_what_never_failed_is_a_hundred() {
        for (ratio, words) in [(1.0, "100 %"), (0.99999, "99.99 %"), (0.5, "50.00 %"), (0.0, "0.00 %")] {
            assert_eq!(percent(ratio), words);
        }
    }
}
