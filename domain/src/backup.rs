//! Backups: when one is due, and which are kept. A backup has a *number* that only grows; order and age of backups are told by it and
//! not by the clock, which may be set forward and back.

/// A failed attempt is made again after so long, in milliseconds.
pub const AGAIN_MS: i64 = 600_000;

/// Whether a backup is due. All times are Unix milliseconds: of the newest backup, of the last attempt if that failed, and now. A time
/// that is still to come was taken from a clock that has been set back since: it proves nothing.
pub fn is_due(newest: Option<i64>, failed: Option<i64>, now: i64, every_ms: i64, again_ms: i64) -> bool {
    let within = |at: Option<i64>, span: i64| at.is_some_and(|at| (0..span).contains(&(now - at)));
    !within(newest, every_ms) && !within(failed, again_ms)
}

/// The numbers that are given up when the newest `keep` are kept.
pub fn superseded(numbers: &[u64], keep: usize) -> Vec<u64> {
    let mut newest_first = numbers.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    newest_first.split_off(keep.max(1).min(newest_first.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAYS: i64 = 10 * 24 * HOUR;

    #[test]
    fn one_is_due_when_the_newest_is_old_and_the_last_attempt_did_not_just_fail() {
        let due = |newest, failed, now| is_due(newest, failed, now, HOUR, AGAIN_MS);
        assert!(due(None, None, 5 * HOUR));
        assert!(!due(Some(5 * HOUR), None, 6 * HOUR - 1));
        assert!(due(Some(5 * HOUR), None, 6 * HOUR));
        assert!(!due(None, Some(5 * HOUR), 5 * HOUR + AGAIN_MS - 1));
        assert!(due(None, Some(5 * HOUR), 5 * HOUR + AGAIN_MS));
    }

    #[test]
    fn a_clock_that_is_set_neither_stops_them_nor_makes_one_a_minute() {
        for jump in [-DAYS, DAYS] {
            let (mut newest, mut made) = (Some(100 * HOUR), 0);
            // A look a minute, for three hours after the jump.
            for minute in 0..180 {
                let now = 100 * HOUR + jump + minute * 60_000;
                if is_due(newest, None, now, HOUR, AGAIN_MS) {
                    (newest, made) = (Some(now), made + 1);
                }
            }
            assert_eq!(made, 3, "{jump}");
            // A failure of before the jump keeps nobody waiting either.
            assert!(is_due(None, Some(100 * HOUR), 100 * HOUR + jump, HOUR, AGAIN_MS), "{jump}");
        }
    }

    #[test]
    fn the_newest_are_kept_and_the_last_one_always() {
        assert_eq!(superseded(&[3, 1, 2], 2), [1]);
        assert_eq!(superseded(&[3, 1, 2], 9), Vec::<u64>::new());
        assert_eq!(superseded(&[7, 8], 0), [7]);
        assert_eq!(superseded(&[], 3), Vec::<u64>::new());
    }
}
