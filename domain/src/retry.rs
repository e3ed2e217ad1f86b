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
/// Runs of one job that take their shim down before the job is poison.
const POISON: u32 = 2;

/// What a parked job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedFor {
    /// The usage limit of the account.
    UsageLimit,
    /// Somebody who logs the agent in.
    Login,
    /// Money.
    Budget,
    /// The service, which is out of order.
    Unavailable,
    /// Somebody who can tell whether its run is over.
    CannotTell,
}

impl ParkedFor {
    /// Every cause.
    pub const ALL: [Self; 5] = [Self::UsageLimit, Self::Login, Self::Budget, Self::Unavailable, Self::CannotTell];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsageLimit => "usage_limit",
            Self::Login => "login",
            Self::Budget => "budget",
            Self::Unavailable => "unavailable",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// What is done with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Done,
    Failed,
    Cancelled,
    /// Its runs take their keeper down: it is not run again.
    Poison,
    /// Run again at this time (Unix milliseconds).
    Retry {
        at: i64,
    },
    /// Look again at this time (Unix milliseconds), without using up an attempt.
    Park {
        at: i64,
        cause: ParkedFor,
    },
}

impl Next {
    /// Whether the job ends by it.
    pub const fn ends_job(self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::Cancelled | Self::Poison => true,
            Self::Retry { .. } | Self::Park { .. } => false,
        }
    }

    /// The event that this means to the job.
    pub const fn event(self) -> Event {
        match self {
            Self::Done => Event::Succeed,
            Self::Failed => Event::Fail,
            Self::Cancelled => Event::Cancel,
            Self::Poison => Event::SetAside,
            Self::Retry { .. } => Event::Retry,
            Self::Park { .. } => Event::Park,
        }
    }
}

/// What is known of the job beside this run's outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Attempts that earlier runs used up.
    pub used: u32,
    /// Earlier runs that took their shim down with them.
    pub lost: u32,
    /// Earlier runs that lost their conversation: that is excused once.
    pub sessions_lost: u32,
    /// The service is held to be out of order: then a run that met that is not the job's fault.
    pub outage: bool,
    /// What this run might spend was cut short by a budget of days or months, which begins anew then (Unix milliseconds).
    pub short_until: Option<i64>,
}

/// The retry decision.
///
/// `most` is `retry.max_attempts`; `now` is Unix milliseconds; `jitter` is a draw from 0 to 1 (full jitter: the whole
/// delay is drawn).
pub fn decide(outcome: &Outcome, history: History, most: u32, now: i64, jitter: f64) -> Next {
    let used = history.used + u32::from(uses_attempt(outcome, history));
    match outcome {
        Outcome::Succeeded => Next::Done,
        Outcome::Stopped { .. } => Next::Cancelled,
        Outcome::MaxBudget => match history.short_until {
            Some(at) => Next::Park { at, cause: ParkedFor::Budget },
            None => Next::Failed,
        },
        Outcome::Refused(_) | Outcome::MaxTurns | Outcome::Errored(_) | Outcome::TimeLimit | Outcome::NoProgress => {
            Next::Failed
        }
        Outcome::UsageLimit { resets_at } => {
            Next::Park { at: park_until(*resets_at, now), cause: ParkedFor::UsageLimit }
        }
        Outcome::NotLoggedIn => Next::Park { at: now + LOOK_AGAIN_MS, cause: ParkedFor::Login },
        // The circuit says when: it lets one job try.
        Outcome::Unavailable(_) if history.outage => Next::Park { at: now, cause: ParkedFor::Unavailable },
        Outcome::SessionLost(_) if history.sessions_lost == 0 => Next::Retry { at: now },
        Outcome::Lost if history.lost + 1 >= POISON => Next::Poison,
        Outcome::Unavailable(_)
        | Outcome::Crashed(_)
        | Outcome::NotStarted(_)
        | Outcome::Lost
        | Outcome::Unkept { .. }
        | Outcome::Rebooted
        | Outcome::OutOfMemory
        | Outcome::SessionLost(_) => {
            if used < most {
                Next::Retry { at: now + delay_ms(used, jitter) }
            } else {
                Next::Failed
            }
        }
    }
}

/// Whether a run with this outcome used up an attempt.
pub fn uses_attempt(outcome: &Outcome, history: History) -> bool {
    match outcome {
        Outcome::UsageLimit { .. } | Outcome::NotLoggedIn => false,
        Outcome::SessionLost(_) => history.sessions_lost > 0,
        Outcome::Unavailable(_) => !history.outage,
        Outcome::MaxBudget => history.short_until.is_none(),
        Outcome::Succeeded
        | Outcome::Refused(_)
        | Outcome::MaxTurns
        | Outcome::Errored(_)
        | Outcome::Crashed(_)
        | Outcome::Stopped { .. }
        | Outcome::TimeLimit
        | Outcome::NoProgress
        | Outcome::NotStarted(_)
        | Outcome::Lost
        | Outcome::Unkept { .. }
        | Outcome::Rebooted
        | Outcome::OutOfMemory => true,
    }
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
            Outcome::Unkept { moved: false },
            Outcome::Rebooted,
            Outcome::OutOfMemory,
            Outcome::SessionLost(String::new()),
        ]
    }

    #[test]
    fn the_table_of_outcomes_is_complete() {
        let words: Vec<&str> = every_outcome().iter().map(Outcome::word).collect();
        assert_eq!(words, Outcome::WORDS);
    }

    #[test]
    fn only_what_may_pass_is_run_again_and_never_past_the_last_attempt() {
        let may_pass = ["unavailable", "crashed", "not_started", "lost", "unkept", "rebooted", "out_of_memory"];
        for outcome in every_outcome() {
            for used in 0..=3 {
                let next = decide(&outcome, History { used, ..History::default() }, 3, 1_000, 0.5);
                let again = may_pass.contains(&outcome.word()) && used < 2 || outcome.word() == "session_lost";
                assert_eq!(matches!(next, Next::Retry { .. }), again, "{outcome:?} {used}");
                let parks = matches!(next, Next::Park { .. });
                assert_eq!(parks, ["usage_limit", "not_logged_in"].contains(&outcome.word()), "{outcome:?}");
                assert!(!parks || !uses_attempt(&outcome, History::default()), "{outcome:?}: parked, not burnt");
            }
        }
    }

    #[test]
    fn an_outage_burns_no_attempt_and_nothing_else_is_excused_by_it() {
        for outcome in every_outcome() {
            for used in 0..=9 {
                let history = |outage| History { used, outage, ..History::default() };
                let (during, otherwise) =
                    (decide(&outcome, history(true), 3, 5, 0.5), decide(&outcome, history(false), 3, 5, 0.5));
                if outcome.word() == "unavailable" {
                    assert_eq!(during, Next::Park { at: 5, cause: ParkedFor::Unavailable });
                    assert!(!uses_attempt(&outcome, history(true)));
                } else {
                    assert_eq!(during, otherwise);
                }
            }
        }
    }

    #[test]
    fn a_lost_conversation_is_excused_once_and_never_for_ever() {
        let lost = Outcome::SessionLost(String::new());
        let history = |used, sessions_lost| History { used, sessions_lost, ..History::default() };
        assert_eq!(decide(&lost, history(0, 0), 3, 9, 0.5), Next::Retry { at: 9 });
        assert!(!uses_attempt(&lost, history(0, 0)) && uses_attempt(&lost, history(0, 1)));
        assert_eq!(decide(&lost, history(2, 1), 3, 9, 0.5), Next::Failed);
    }

    #[test]
    fn a_budget_of_days_that_cut_a_run_short_parks_its_task_and_a_whole_share_ends_it() {
        let short = History { short_until: Some(77), ..History::default() };
        assert_eq!(decide(&Outcome::MaxBudget, short, 3, 9, 0.5), Next::Park { at: 77, cause: ParkedFor::Budget });
        assert_eq!(decide(&Outcome::MaxBudget, History::default(), 3, 9, 0.5), Next::Failed);
    }

    #[test]
    fn poison_is_two_runs_that_took_shim_and_agent_down_and_nothing_else() {
        for outcome in every_outcome() {
            for lost in 0..=3 {
                let next = decide(&outcome, History { used: lost, lost, ..History::default() }, 9, 0, 0.5);
                assert_eq!(next == Next::Poison, outcome == Outcome::Lost && lost >= 1, "{outcome:?} {lost}");
            }
        }
    }

    #[test]
    fn delays_double_and_are_drawn_whole() {
        let at = |used, jitter| decide(&Outcome::OutOfMemory, History { used, ..History::default() }, 99, 0, jitter);
        assert_eq!(at(0, 1.0), Next::Retry { at: 2_000 });
        assert_eq!(at(1, 1.0), Next::Retry { at: 4_000 });
        assert_eq!(at(2, 0.5), Next::Retry { at: 4_000 });
        assert_eq!(at(39, 1.0), Next::Retry { at: 60_000 });
        assert_eq!(at(4, 0.0), Next::Retry { at: 0 });
    }

    #[test]
    fn a_park_ends_at_the_reset_but_never_in_the_past_nor_in_a_year() {
        let park = |resets_at, now| match decide(&Outcome::UsageLimit { resets_at }, History::default(), 3, now, 0.0) {
            Next::Park { at, cause: ParkedFor::UsageLimit } => at,
            other @ (Next::Done
            | Next::Failed
            | Next::Cancelled
            | Next::Poison
            | Next::Retry { .. }
            | Next::Park { .. }) => panic!("{other:?}"),
        };
        assert_eq!(park(Some(100), 1_000), 100_000);
        assert_eq!(park(Some(100), 200_000), 200_000 + LOOK_AGAIN_MS);
        assert_eq!(park(None, 0), LOOK_AGAIN_MS);
        assert_eq!(park(Some(i64::MAX), 0), LONGEST_PARK_MS);
    }
}
