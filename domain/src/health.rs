//! Health of one process at its post. *Hung* needs positive evidence: the system says that it was stopped, or its own pulse
//! says that a loop is late while the pulse goes on. Silence alone proves nothing, so it is waited for
//! much longer.
//!
//! Ages are counted by the observer's own looks (`age`): neither a sleeping laptop nor a jumping clock nor an observer that
//! was itself stopped makes anybody stale.

use std::time::Duration;

use crate::hang::Standing;

/// How long silence is waited for: nobody can prove anything.
pub const QUIET: Duration = Duration::from_mins(5);

/// Why a process counts as hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hang {
    /// It stands still (SIGSTOP).
    Stopped,
    /// It beats, and one of its loops does not turn.
    Frozen,
    /// It neither beats nor logs.
    Quiet,
    /// It does not answer.
    Unanswered,
}

impl Hang {
    /// The words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stopped => "it stood still (SIGSTOP)",
            Self::Frozen => "a loop of it did not turn",
            Self::Quiet => "it was alive and silent for minutes",
            Self::Unanswered => "it did not answer /health for minutes",
        }
    }
}

/// What was seen of a living process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    pub standing: Standing,
    /// For how long every look found it stopped.
    pub stopped_for: Duration,
    /// How many new beats in a row said that a loop is late: see `lates`.
    pub lates: u32,
    /// For how long it gave no sign of life: no beat, no line in its log.
    pub quiet_for: Duration,
    /// For how long it did not answer, where it is asked.
    pub unanswered_for: Duration,
}

/// How long each is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub stopped: Duration,
    pub quiet: Duration,
}

/// The judgement; `None` while nothing is proved and nothing has lasted.
pub fn judge(signs: Signs, patience: Patience) -> Option<Hang> {
    match signs.standing {
        Standing::Stopped => (signs.stopped_for >= patience.stopped).then_some(Hang::Stopped),
        Standing::Running if signs.lates >= PROVED => Some(Hang::Frozen),
        Standing::Running if signs.quiet_for >= patience.quiet => Some(Hang::Quiet),
        Standing::Running if signs.unanswered_for >= patience.quiet => Some(Hang::Unanswered),
        // Blocked: it is in the kernel, for a disk. No loop of it can turn, and no signal would end it.
        Standing::Running | Standing::Blocked | Standing::Gone | Standing::CannotTell => None,
    }
}

/// So many late beats in a row are proof.
const PROVED: u32 = 2;

/// How many new beats in a row said that a loop is late, after one more look. `beat` is what a new beat says, `None` without
/// one. The first may tell of the time before, in which the process was stopped or waited for a disk; so whenever it
/// could not run, counting begins anew.
pub const fn lates(before: u32, standing: Standing, beat: Option<bool>) -> u32 {
    match (standing, beat) {
        (Standing::Running, Some(true)) => before.saturating_add(1),
        (Standing::Running, None) => before,
        (Standing::Running, Some(false))
        | (Standing::Stopped | Standing::Blocked | Standing::Gone | Standing::CannotTell, _) => 0,
    }
}

/// How long every look has found it stopped. The first look that does so proves a moment, and no more.
pub fn stopped_for(before: Duration, was: Standing, is: Standing, ran: Duration, every: Duration) -> Duration {
    age(before, was == Standing::Stopped && is == Standing::Stopped, ran, every)
}

/// An age after one more look, `ran` after the last one. A look adds at most twice what it should have taken, `every`: in
/// the rest of the time the observer did not look.
pub fn age(before: Duration, lasts: bool, ran: Duration, every: Duration) -> Duration {
    if lasts { before.saturating_add(ran.min(every * 2)) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { stopped: Duration::from_secs(3), quiet: QUIET };
    const STANDINGS: [Standing; 5] =
        [Standing::Running, Standing::Stopped, Standing::Blocked, Standing::Gone, Standing::CannotTell];

    #[test]
    fn nobody_is_hung_without_evidence_over_every_input() {
        let ages = [0, 2, 3, 299, 300, 86_400].map(Duration::from_secs);
        for standing in STANDINGS {
            for stopped_for in ages {
                for lates in [0, 1, 2, 9] {
                    for quiet_for in ages {
                        for unanswered_for in ages {
                            let signs = Signs { standing, stopped_for, lates, quiet_for, unanswered_for };
                            let expected = match standing {
                                Standing::Stopped if stopped_for >= PATIENCE.stopped => Some(Hang::Stopped),
                                Standing::Running if lates >= 2 => Some(Hang::Frozen),
                                Standing::Running if quiet_for >= QUIET => Some(Hang::Quiet),
                                Standing::Running if unanswered_for >= QUIET => Some(Hang::Unanswered),
                                Standing::Stopped
                                | Standing::Running
                                | Standing::Blocked
                                | Standing::Gone
                                | Standing::CannotTell => None,
                            };
                            assert_eq!(judge(signs, PATIENCE), expected, "{signs:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn one_late_beat_proves_nothing_and_neither_do_two_with_a_stop_between() {
        let run = Standing::Running;
        let after =
            |looks: &[(Standing, Option<bool>)]| looks.iter().fold(0, |n, (standing, beat)| lates(n, *standing, *beat));
        assert_eq!(after(&[(run, Some(true)), (run, None), (run, None)]), 1, "an old beat says nothing new");
        assert_eq!(after(&[(run, Some(true)), (run, None), (run, Some(true))]), 2);
        assert_eq!(after(&[(run, Some(true)), (run, Some(false)), (run, Some(true))]), 1);
        for other in [Standing::Stopped, Standing::Blocked, Standing::Gone, Standing::CannotTell] {
            assert_eq!(after(&[(run, Some(true)), (other, Some(true)), (run, Some(true))]), 1, "{other:?}");
        }
    }

    #[test]
    fn the_first_look_that_finds_it_stopped_proves_a_moment() {
        let second = Duration::from_secs(1);
        let (run, stop) = (Standing::Running, Standing::Stopped);
        assert_eq!(stopped_for(Duration::ZERO, run, stop, second * 2, second), Duration::ZERO);
        assert_eq!(stopped_for(second, stop, stop, second, second), second * 2);
        assert_eq!(stopped_for(second * 9, stop, run, second, second), Duration::ZERO);
    }

    #[test]
    fn a_night_in_which_the_observer_slept_is_one_look() {
        let every = Duration::from_secs(1);
        let mut quiet = Duration::ZERO;
        for _ in 0..10 {
            quiet = age(quiet, true, Duration::from_hours(8), every);
        }
        assert_eq!(quiet, Duration::from_secs(20));
        assert_eq!(age(quiet, false, every, every), Duration::ZERO, "one sign of life is enough");
        assert_eq!(age(Duration::MAX, true, every, every), Duration::MAX);
    }
}
