//! The absence of a supervisor on trial that a service manager keeps, as bot and console see it. *Away* is a supervisor that nobody
//! finds ready, whether its lock is free or not. A release that cannot run any code of ours can count none of its starts; so those
//! who watch it leave it. How that is done is no business of this file.

use std::time::Duration;

use crate::trial;

/// So long its lock may be free without a break: a manager starts again after 10 seconds, so this is about three starts. One that
/// somebody kills is back after the first of them.
pub const GONE: Duration = Duration::from_secs(45);

/// How long each may last. Tests shorten both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub gone: Duration,
    pub unready: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { gone: GONE, unready: trial::UNREADY }
    }
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nobody has to come back: nothing is on trial, no manager keeps it, or somebody asked it to end.
    NotAwaited,
    /// It is there and ready.
    Ready,
    /// It says what it waits for, or somebody changes what it runs from, or nobody can tell.
    Excused,
    /// Somebody holds its lock and is not ready.
    Unready,
    /// Its lock is free.
    Gone,
}

/// Why its release is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Gone(Duration),
    Unready(Duration),
}

/// For how long it is away, by the looks of one observer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absence {
    gone_for: Duration,
    unready_for: Duration,
}

impl Absence {
    /// What is known after one more look, `passed` after the one before it, and whether the release is left.
    #[must_use]
    pub fn look(self, found: Found, passed: Duration, every: Duration, limits: Limits) -> (Self, Option<Why>) {
        // A laptop that slept makes nobody absent.
        let passed = passed.min(every * 2);
        let next = match found {
            Found::NotAwaited | Found::Ready => Self::default(),
            Found::Excused => return (self, None),
            Found::Unready => Self { gone_for: Duration::ZERO, unready_for: self.unready_for + passed },
            Found::Gone => Self { gone_for: self.gone_for + passed, unready_for: self.unready_for + passed },
        };
        let why = if next.gone_for >= limits.gone {
            Some(Why::Gone(next.gone_for))
        } else if next.unready_for >= limits.unready {
            Some(Why::Unready(next.unready_for))
        } else {
            None
        };
        (next, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const EVERY: Duration = Duration::from_secs(2);
    const ALL: [Found; 5] = [Found::NotAwaited, Found::Ready, Found::Excused, Found::Unready, Found::Gone];

    /// Looks every two seconds; the second at which the release is left.
    fn until(found: impl Fn(u64) -> Found) -> Option<(u64, Why)> {
        let mut absence = Absence::default();
        (2..=1200).step_by(2).find_map(|second| {
            let (next, why) = absence.look(found(second), EVERY, EVERY, Limits::default());
            absence = next;
            why.map(|why| (second, why))
        })
    }

    #[test]
    fn what_never_comes_back_and_what_never_gets_ready_is_left() {
        assert_eq!(until(|_| Found::Gone), Some((46, Why::Gone(SECOND * 46))));
        assert_eq!(until(|_| Found::Unready), Some((180, Why::Unready(SECOND * 180))));
        // It hangs for a minute, is ended, and is started again ten seconds later.
        let hangs = until(|second| if second % 70 < 60 { Found::Unready } else { Found::Gone });
        assert_eq!(hangs, Some((180, Why::Unready(SECOND * 180))));
        // What excuses it takes nothing back.
        let excused = until(|second| if second % 4 == 0 { Found::Excused } else { Found::Gone });
        assert_eq!(excused.map(|(second, _)| second), Some(90));
    }

    #[test]
    fn one_that_comes_back_is_not_left_however_often_it_is_killed() {
        assert_eq!(until(|second| if second % 14 < 12 { Found::Gone } else { Found::Ready }), None);
        assert_eq!(until(|second| if second % 44 < 42 { Found::Gone } else { Found::NotAwaited }), None);
        for found in [Found::NotAwaited, Found::Ready, Found::Excused] {
            assert_eq!(until(|_| found), None, "{found:?}");
        }
    }

    #[test]
    fn a_look_after_a_long_sleep_counts_as_two() {
        for found in ALL {
            let (_, why) = Absence::default().look(found, SECOND * 3600, EVERY, Limits::default());
            assert_eq!(why, None, "{found:?}");
        }
    }

    /// Every sequence of five looks, each a gap of twenty seconds after the other.
    #[test]
    fn nothing_is_left_without_looks_that_prove_it() {
        let every = SECOND * 20;
        for mut number in 0..ALL.len().pow(5) {
            let (mut absence, mut looks) = (Absence::default(), Vec::new());
            for _ in 0..5 {
                let found = ALL[number % ALL.len()];
                number /= ALL.len();
                let (next, why) = absence.look(found, every, every, Limits::default());
                looks.push(found);
                absence = next;
                let telling: Vec<_> = looks.iter().rev().filter(|found| **found != Found::Excused).collect();
                let gone = telling.iter().take_while(|found| ***found == Found::Gone).count();
                let expected = (found != Found::Excused && gone >= 3).then(|| u32::try_from(gone).unwrap());
                assert_eq!(why, expected.map(|gone| Why::Gone(every * gone)), "{looks:?}");
            }
        }
    }
}
