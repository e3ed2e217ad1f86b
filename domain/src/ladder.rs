//! The ladder: what is done, rung by rung, for a component that does not come up. A *rung* is one kind of action; it is
//! taken once in a climb, and one that changed nothing counts as failed, so that the next is taken at once. There is
//! no last rung on which anything gets stuck: from the top the component goes on being started, at capped intervals, and its
//! owner is told beside it.
//!
//! A *climb* begins with the first start that failed and is over when the component was steady.

use std::time::Duration;

use crate::restart::{self, End};

/// What is done for a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// It is started again.
    Restart,
    /// Stale processes of ours that hold what it waits for are ended.
    EndHolders,
    /// What earlier processes left is put back to its first state: sockets, pulses; the WAL is checkpointed.
    Reset,
    /// The system returns to the last release that was healthy, where that may help.
    Release,
    /// The owner gets everything that is known; from now on it is started at capped intervals.
    Capped,
}

impl Rung {
    /// Every rung, lowest first.
    pub const ALL: [Self; 5] = [Self::Restart, Self::EndHolders, Self::Reset, Self::Release, Self::Capped];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::EndHolders => "end_holders",
            Self::Reset => "reset",
            Self::Release => "release",
            Self::Capped => "capped",
        }
    }

    const fn next(self) -> Option<Self> {
        match self {
            Self::Restart => Some(Self::EndHolders),
            Self::EndHolders => Some(Self::Reset),
            Self::Reset => Some(Self::Release),
            Self::Release => Some(Self::Capped),
            Self::Capped => None,
        }
    }
}

/// How long a component has to be ready until an end of its own is not the same trouble any more.
pub const STEADY: Duration = Duration::from_mins(1);

/// How a component ended, as far as it matters for the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fall {
    /// It was asked to.
    Asked,
    /// From outside (a signal of somebody's), or nobody knows how, after it had been ready for so long.
    Taken { ready_for: Duration },
    /// By itself (an exit code, a crash) or because it hung, after it had been ready for so long.
    Failed { ready_for: Duration },
    /// Before it was ready.
    NeverReady,
    /// It refused: nothing but a person's change helps.
    Refused,
}

/// Where a component is on its ladder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Climb {
    /// Starts that failed in a row.
    pub failed: u32,
    /// The highest rung that was taken in this climb.
    pub taken: Option<Rung>,
    /// A rung that is to be taken before the next start.
    pub due: Option<Rung>,
    /// How often in a row it was killed from outside as soon as it was ready.
    pub killed: u32,
}

/// Whoever is killed from outside within this time after he was ready may be meant by somebody who goes on killing.
const SOON: Duration = Duration::from_secs(1);
/// So often in a row he is started at once; after that more slowly, or it would be a hot loop.
const AT_ONCE: u32 = 100;

/// The climb after the component ended, and how long to wait before its next start. `jitter` is a draw from 0 to 1.
pub fn fell(climb: Climb, fall: Fall, jitter: f64) -> (Climb, Duration) {
    match fall {
        // Neither says anything about whether it works.
        Fall::Asked => (climb, Duration::ZERO),
        Fall::Taken { ready_for } => {
            let killed = if ready_for < SOON { climb.killed.saturating_add(1) } else { 0 };
            let wait = match killed.checked_sub(AT_ONCE) {
                None | Some(0) => Duration::ZERO,
                Some(too_often) => restart::delay(End::NeverReady, too_often, jitter),
            };
            (Climb { killed, ..climb }, wait)
        }
        Fall::Refused => (climb, restart::delay(End::Refused, 1, jitter)),
        Fall::Failed { ready_for } if ready_for >= STEADY => (Climb::default(), Duration::ZERO),
        Fall::Failed { .. } => {
            let climb = higher(climb);
            // The first time that something that worked falls over it is started at once.
            let wait = if climb.failed == 1 {
                Duration::ZERO
            } else {
                restart::delay(End::NeverReady, climb.failed - 1, jitter)
            };
            (climb, wait)
        }
        Fall::NeverReady => {
            let climb = higher(climb);
            (climb, restart::delay(End::NeverReady, climb.failed, jitter))
        }
    }
}

/// One more failed start: the next rung is due. The first rung is the start itself.
fn higher(climb: Climb) -> Climb {
    let failed = climb.failed.saturating_add(1);
    match climb.taken {
        None => Climb { failed, taken: Some(Rung::Restart), due: None, ..climb },
        Some(taken) => Climb { failed, due: climb.due.or(taken.next()), ..climb },
    }
}

/// The climb after the due rung was taken. One that changed nothing has failed: the next one is due at once.
pub fn took(climb: Climb, changed: bool) -> Climb {
    let Some(rung) = climb.due else { return climb };
    let due = if changed { None } else { rung.next() };
    Climb { taken: Some(rung), due, ..climb }
}

/// The climb of a component that is ready and has been for so long.
pub fn stood(climb: Climb, ready_for: Duration) -> Climb {
    if ready_for >= STEADY { Climb::default() } else { climb }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that can be observed of a component between two of its starts, and of a rung that was taken.
    const FALLS: [Fall; 6] = [
        Fall::Asked,
        Fall::Taken { ready_for: Duration::ZERO },
        Fall::Failed { ready_for: Duration::from_secs(1) },
        Fall::Failed { ready_for: STEADY },
        Fall::NeverReady,
        Fall::Refused,
    ];

    /// Takes what is due, each rung with the next of these results, until nothing is.
    fn settle(mut climb: Climb, changed: &[bool], log: &mut Vec<(Rung, bool)>) -> Climb {
        let mut steps = 0;
        while let Some(rung) = climb.due {
            let result = changed.get(steps).copied().unwrap_or(false);
            log.push((rung, result));
            climb = took(climb, result);
            steps += 1;
            assert!(steps <= Rung::ALL.len(), "a livelock: {log:?}");
        }
        climb
    }

    /// A fall, and what the rungs change that follow from it.
    type Step = (Fall, [bool; 4]);

    fn every_sequence(length: usize, visit: &mut dyn FnMut(&[Step])) {
        let results = [0, 1, 2, 3, 4].map(|nth| [1, 2, 3, 4].map(|place| place == nth));
        let choices: Vec<Step> = FALLS.into_iter().flat_map(|fall| results.map(|result| (fall, result))).collect();
        let mut indices = vec![0; length];
        loop {
            let sequence: Vec<Step> = indices.iter().map(|index| choices[*index]).collect();
            visit(&sequence);
            let Some(place) = indices.iter().position(|index| index + 1 < choices.len()) else { return };
            indices[..place].fill(0);
            indices[place] += 1;
        }
    }

    #[test]
    fn no_sequence_of_observations_ends_in_a_livelock_or_repeats_a_rung() {
        let mut visited = 0_u32;
        for length in 1..=4 {
            every_sequence(length, &mut |sequence| {
                visited += 1;
                let (mut climb, mut taken) = (Climb::default(), Vec::new());
                for (fall, changed) in sequence {
                    let (next, wait) = fell(climb, *fall, 0.5);
                    assert!(wait <= Duration::from_mins(1), "it is always started again, soon: {sequence:?}");
                    if next == Climb::default() {
                        taken.clear();
                    }
                    climb = settle(next, changed, &mut taken);
                    assert_eq!(climb.due, None, "nothing stands between it and its next start: {sequence:?}");
                    // In one climb each rung is taken once, in order; after one that changed nothing comes a higher one.
                    assert!(taken.windows(2).all(|two| two[0].0 < two[1].0), "{sequence:?}: {taken:?}");
                }
            });
        }
        assert!(visited > 300_000, "{visited}");
    }

    #[test]
    fn starts_that_go_on_failing_take_every_rung_and_then_wait_a_capped_time() {
        let (mut climb, mut taken, mut waits) = (Climb::default(), Vec::new(), Vec::new());
        for _ in 0..6 {
            let (next, wait) = fell(climb, Fall::NeverReady, 0.0);
            waits.push(wait.as_secs());
            climb = settle(next, &[true], &mut taken);
        }
        assert_eq!(waits, [2, 5, 10, 30, 30, 30]);
        let rungs: Vec<Rung> = taken.iter().map(|(rung, _)| *rung).collect();
        assert_eq!(rungs, [Rung::EndHolders, Rung::Reset, Rung::Release, Rung::Capped]);
        assert_eq!(climb.failed, 6);
    }

    #[test]
    fn what_changes_nothing_costs_no_start() {
        let (climb, _) = fell(fell(Climb::default(), Fall::NeverReady, 0.0).0, Fall::NeverReady, 0.0);
        let mut taken = Vec::new();
        settle(climb, &[], &mut taken);
        assert_eq!(taken, [Rung::EndHolders, Rung::Reset, Rung::Release, Rung::Capped].map(|rung| (rung, false)));
    }

    #[test]
    fn what_is_killed_from_outside_climbs_nothing_and_what_crashes_again_and_again_does() {
        let mut climb = Climb::default();
        let waits: Vec<u64> = (0..105)
            .map(|_| {
                let wait;
                (climb, wait) = fell(climb, Fall::Taken { ready_for: Duration::ZERO }, 0.0);
                wait.as_secs()
            })
            .collect();
        assert!(waits[..100].iter().all(|wait| *wait == 0) && waits[100..] == [2, 5, 10, 30, 30], "{waits:?}");
        assert_eq!((climb.failed, climb.due), (0, None), "it climbs nothing");
        let (mut climb, wait) = fell(climb, Fall::Taken { ready_for: SOON }, 0.0);
        assert_eq!((climb, wait), (Climb::default(), Duration::ZERO), "somebody let it live");
        let crash = Fall::Failed { ready_for: Duration::from_secs(1) };
        let waits: Vec<u64> = (0..5)
            .map(|_| {
                let (next, wait) = fell(climb, crash, 0.0);
                climb = settle(next, &[], &mut Vec::new());
                wait.as_secs()
            })
            .collect();
        assert_eq!(waits, [0, 2, 5, 10, 30]);
        assert_eq!(stood(climb, Duration::from_secs(59)), climb);
        assert_eq!(stood(climb, STEADY), Climb::default());
    }
}
