//! What follows from an outcome: an end, another run, or a wait. An *attempt* is a run that was used up; a run that met
//! a usage limit or a missing login is not: it is parked, not burnt.

use crate::{job::Event, outcome::Outcome};

/// Delay base of the first retry, in milliseconds.
pub const BASE_MS: i64 = 2_000;
/// Longest delay of a retry, in milliseconds.
pub const CAP_MS: i64 = 60_000;
/// How long a job waits when the reset of a limit is unknown, or before the login is looked at again, in milliseconds.
pub const LOOK_AGAIN_MS: i64 = 15 * 60_000;
/// A parked job waits this long at most, whatever a reset time claims, in milliseconds.
pub const LONGEST_PARK_MS: i64 = 8 * 24 * 3_600_000;

/// What is done with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Done,
    Failed,
    Cancelled,
    /// Run again at this time (Unix milliseconds).
    Retry {
        at: i64,
    },
    /// Look again at this time (Unix milliseconds), without using up an attempt.
    Park {
        at: i64,
    },
}

impl Next {
    /// Whether the job ends by it.
    pub const fn ends_job(self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::Cancelled => true,
            Self::Retry { .. } | Self::Park { .. } => false,
        }
    }

    /// The event that this means to the job.
    pub const fn event(self) -> Event {
        match self {
            Self::Done => Event::Succeed,
            Self::Failed => Event::Fail,
            Self::Cancelled => Event::Cancel,
            Self::Retry { .. } => Event::Retry,
            Self::Park { .. } => Event::Park,
        }
    }
}

/// The retry decision.
///
/// `used` counts the attempts used up, this one included; `most` is `retry.max_attempts`; `now` is Unix milliseconds;
/// `jitter` is a draw from 0 to 1 (full jitter: the whole delay is drawn).
pub fn decide(outcome: &Outcome, used: u32, most: u32, now: i64, jitter: f64) -> Next {
    match outcome {
        Outcome::Succeeded => Next::Done,
        Outcome::Stopped { .. } => Next::Cancelled,
        Outcome::Refused(_)
        | Outcome::MaxTurns
        | Outcome::MaxBudget
        | Outcome::Errored(_)
        | Outcome::TimeLimit
        | Outcome::NoProgress => Next::Failed,
        Outcome::UsageLimit { resets_at } => Next::Park { at: park_until(*resets_at, now) },
        Outcome::NotLoggedIn => Next::Park { at: now + LOOK_AGAIN_MS },
        Outcome::Unavailable(_) | Outcome::Crashed(_) | Outcome::NotStarted(_) | Outcome::Lost => {
            if used < most {
                Next::Retry { at: now + delay_ms(used, jitter) }
            } else {
                Next::Failed
            }
        }
    }
}

/// Whether a run with this outcome used up an attempt.
pub fn uses_attempt(outcome_word: &str) -> bool {
    !matches!(outcome_word, "usage_limit" | "not_logged_in")
}

fn park_until(resets_at: Option<i64>, now: i64) -> i64 {
    match resets_at.map(|seconds| seconds.saturating_mul(1000)) {
        Some(at) if at > now => at.min(now + LONGEST_PARK_MS),
        Some(_) | None => now + LOOK_AGAIN_MS,
    }
}

fn delay_ms(used: u32, jitter: f64) -> i64 {
    let doubled = BASE_MS.saturating_mul(1_i64.checked_shl(used.saturating_sub(1).min(20)).unwrap_or(CAP_MS));
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 60,000 ms")]
    let drawn = (doubled.min(CAP_MS) as f64 * jitter.clamp(0.0, 1.0)) as i64;
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_outcome() -> Vec<Outcome> {
        vec![
            Outcome::Succeeded,
            Outcome::Refused(String::new()),
            Outcome::Unavailable(String::new()),
            Outcome::UsageLimit { resets_at: None },
            Outcome::NotLoggedIn,
            Outcome::MaxTurns,
            Outcome::MaxBudget,
            Outcome::Errored(String::new()),
            Outcome::Crashed(String::new()),
            Outcome::Stopped { by: String::new() },
            Outcome::TimeLimit,
            Outcome::NoProgress,
            Outcome::NotStarted(String::new()),
            Outcome::Lost,
        ]
    }

    #[test]
    fn the_table_of_outcomes_is_complete() {
        let words: Vec<&str> = every_outcome().iter().map(Outcome::word).collect();
        assert_eq!(words, Outcome::WORDS);
    }

    #[test]
    fn only_what_may_pass_is_run_again_and_never_past_the_last_attempt() {
        for outcome in every_outcome() {
            for used in 1..=4 {
                let next = decide(&outcome, used, 3, 1_000, 0.5);
                let may_pass = ["unavailable", "crashed", "not_started", "lost"].contains(&outcome.word());
                assert_eq!(matches!(next, Next::Retry { .. }), may_pass && used < 3, "{outcome:?} {used}");
                assert_eq!(matches!(next, Next::Park { .. }), !uses_attempt(outcome.word()), "{outcome:?}");
            }
        }
    }

    #[test]
    fn delays_double_and_are_drawn_whole() {
        let at = |used, jitter| decide(&Outcome::Lost, used, 99, 0, jitter);
        assert_eq!(at(1, 1.0), Next::Retry { at: 2_000 });
        assert_eq!(at(2, 1.0), Next::Retry { at: 4_000 });
        assert_eq!(at(3, 0.5), Next::Retry { at: 4_000 });
        assert_eq!(at(40, 1.0), Next::Retry { at: 60_000 });
        assert_eq!(at(5, 0.0), Next::Retry { at: 0 });
    }

    #[test]
    fn a_park_ends_at_the_reset_but_never_in_the_past_nor_in_a_year() {
        let park = |resets_at, now| decide(&Outcome::UsageLimit { resets_at }, 1, 3, now, 0.0);
        assert_eq!(park(Some(100), 1_000), Next::Park { at: 100_000 });
        assert_eq!(park(Some(100), 200_000), Next::Park { at: 200_000 + LOOK_AGAIN_MS });
        assert_eq!(park(None, 0), Next::Park { at: LOOK_AGAIN_MS });
        assert_eq!(park(Some(i64::MAX), 0), Next::Park { at: LONGEST_PARK_MS });
    }
}
