//! Backups: when one is due, why one is made, and which are kept. A backup has a *number* that only grows; order and age of backups are
//! told by it and not by the clock, which may be set forward and back.

use serde::{Deserialize, Serialize};

/// A failed attempt is made again after so long, in milliseconds.
pub const AGAIN_MS: i64 = 600_000;

/// Beside the ordinary ones so many are kept that were made before the schema changed, each before another change.
const SCHEMA_KEPT: usize = 2;
/// They are kept while fewer than so many times `keep` newer ones were made: a week, where 24 are kept and one is made an hour.
const SCHEMA_LASTS: u64 = 7;

/// Why a backup is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was time. One that says nothing is of a release that made few others.
    #[default]
    Hourly,
    ByHand,
    /// Before the schema was brought up to this version.
    Schema(i64),
}

impl Reason {
    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::Hourly => "by itself".to_owned(),
            Self::ByHand => "by hand".to_owned(),
            Self::Schema(version) => format!("before the schema changed to {version}"),
        }
    }
}

/// A backup, as far as keeping it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub number: u64,
    pub reason: Reason,
    /// As the last try found.
    pub sound: bool,
}

/// Whether a backup is due. All times are Unix milliseconds: of the newest backup, of the last attempt if that failed, and now. A time
/// that is still to come was taken from a clock that has been set back since: it proves nothing.
pub fn is_due(newest: Option<i64>, failed: Option<i64>, now: i64, every_ms: i64, again_ms: i64) -> bool {
    let within = |at: Option<i64>, span: i64| at.is_some_and(|at| (0..span).contains(&(now - at)));
    !within(newest, every_ms) && !within(failed, again_ms)
}

/// The numbers that are given up when the newest `keep` ordinary ones are kept. Those of before a change of the schema count by
/// themselves: an upgrade in the night is looked at in the morning, when 24 hourly ones have passed. A bad one takes the
/// place of no sound one.
pub fn given_up(known: &[Known], keep: usize) -> Vec<u64> {
    let (before_a_change, ordinary): (Vec<Known>, Vec<Known>) =
        known.iter().partition(|one| matches!(one.reason, Reason::Schema(_)));
    let newest = known.iter().map(|one| one.number).max().unwrap_or_default();
    let lasts = SCHEMA_LASTS.saturating_mul(u64::try_from(keep.max(1)).unwrap_or(u64::MAX));
    // One that was cut off before its change is made again at the next start: the newest sound one stands for that change.
    let replaced =
        |one: &Known| known.iter().any(|other| other.reason == one.reason && other.sound && other.number > one.number);
    let (stays, goes): (Vec<Known>, Vec<Known>) =
        before_a_change.iter().partition(|one| !replaced(one) && newest - one.number < lasts);
    let mut gone = surplus(&ordinary, keep);
    gone.extend(surplus(&stays, SCHEMA_KEPT));
    gone.extend(goes.iter().map(|one| one.number));
    gone
}

/// What is more than `keep` of these. A bad one takes the place of no sound one.
fn surplus(known: &[Known], keep: usize) -> Vec<u64> {
    let all: Vec<u64> = known.iter().map(|one| one.number).collect();
    let sound: Vec<u64> = known.iter().filter(|one| one.sound).map(|one| one.number).collect();
    let mut surplus = superseded(&all, keep);
    surplus.retain(|number| !sound.contains(number));
    surplus.extend(superseded(&sound, keep));
    surplus
}

/// The numbers that are not among the newest `keep`.
fn superseded(numbers: &[u64], keep: usize) -> Vec<u64> {
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

    fn known(number: u64, reason: Reason, sound: bool) -> Known {
        Known { number, reason, sound }
    }

    /// What is left of so many hourly ones after these.
    fn left(mut kept: Vec<Known>, hours: u64, keep: usize) -> Vec<u64> {
        let first = kept.iter().map(|one| one.number).max().unwrap_or_default() + 1;
        for number in first..first + hours {
            kept.push(known(number, Reason::Hourly, true));
            let gone = given_up(&kept, keep);
            kept.retain(|one| !gone.contains(&one.number));
        }
        kept.iter().map(|one| one.number).collect()
    }

    #[test]
    fn the_one_before_an_upgrade_outlives_a_night_of_hourly_ones_and_not_a_week() {
        let upgraded = || vec![known(1, Reason::ByHand, true), known(2, Reason::Schema(21), true)];
        assert_eq!(left(upgraded(), 1, 3), [1, 2, 3], "it counts by itself");
        assert_eq!(left(upgraded(), 10, 3), [2, 10, 11, 12]);
        assert_eq!(left(upgraded(), 18, 3), [2, 18, 19, 20]);
        assert_eq!(left(upgraded(), 21, 3), [21, 22, 23]);
    }

    #[test]
    fn of_those_before_changes_the_newest_two_changes_are_kept_and_each_once() {
        let schema = |number, version, sound| known(number, Reason::Schema(version), sound);
        let three = [schema(1, 19, true), schema(2, 20, true), schema(3, 21, true)];
        assert_eq!(given_up(&three, 24), [1]);
        // The change was cut off, and begun again.
        let again = [schema(1, 20, true), schema(2, 21, true), schema(3, 21, true), schema(4, 21, false)];
        assert_eq!(given_up(&again, 24), [2], "a bad one takes no place");
        assert_eq!(given_up(&[schema(1, 21, false), schema(2, 21, true)], 24), [1]);
    }

    #[test]
    fn a_bad_one_takes_the_place_of_no_sound_one() {
        let hourly = |number, sound| known(number, Reason::Hourly, sound);
        assert_eq!(given_up(&[hourly(1, true), hourly(2, false), hourly(3, true)], 2), Vec::<u64>::new());
        assert_eq!(given_up(&[hourly(1, true), hourly(2, false), hourly(3, true), hourly(4, true)], 2), [2, 1]);
    }

    #[test]
    fn the_newest_are_kept_and_the_last_one_always() {
        assert_eq!(superseded(&[3, 1, 2], 2), [1]);
        assert_eq!(superseded(&[3, 1, 2], 9), Vec::<u64>::new());
        assert_eq!(superseded(&[7, 8], 0), [7]);
        assert_eq!(superseded(&[], 3), Vec::<u64>::new());
    }
}
