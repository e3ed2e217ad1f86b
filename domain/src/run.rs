//! Runs: one execution of a job. A run is *over* only by its `exit.json`; nothing else, no silence and no missing
//! process, ends it.
//!
//! `next_step` is the one road: a worker that holds a job asks it what to do with the newest run, whether the run was
//! claimed a millisecond ago or its first worker died last week.

use serde::{Deserialize, Serialize};

/// Where a run's row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The row and its reservation exist; perhaps no file and no process does.
    Claimed,
    /// A shim was started.
    Running,
    /// Settled.
    Over,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Claimed, Self::Running, Self::Over];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::Over => "over",
        }
    }
}

/// What can be seen of a run from outside, without changing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// This claim made the run row, so nobody can have started it.
    pub fresh: bool,
    /// `exit.json` is there.
    pub exit: bool,
    /// `run.lock` is held: a shim lives, or may yet start.
    pub lock_held: bool,
}

/// What the worker that holds the job does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Make the directory, take the lock, start the shim.
    Start,
    /// Follow the files of a living run.
    Attach,
    /// Read the files of a run that is over and finish the job.
    Finish,
    /// Prove that the run is over (rule R3).
    Settle,
}

/// The next step for a run (section 4 of the design: one road).
pub const fn next_step(seen: Seen) -> Step {
    match (seen.exit, seen.lock_held, seen.fresh) {
        // The shim holds the lock for a moment after it wrote exit.json: the file decides.
        (true, _, _) => Step::Finish,
        (false, true, _) => Step::Attach,
        (false, false, true) => Step::Start,
        (false, false, false) => Step::Settle,
    }
}

/// What is known of the processes of a run that has neither `exit.json` nor a holder of its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive {
    /// Nothing is left: its child's lock is free, no recorded identity lives, no process carries its mark.
    No,
    /// Something that is proved ours lives.
    Yes,
    /// It could not be seen.
    CannotTell,
}

/// How a run without `exit.json` is settled (rule R3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Write `exit.json` with `lost`.
    CloseAsLost,
    /// End what lives, then look again.
    EndAndRepeat,
    /// Leave it alone, look again later, and say so.
    Hold,
}

/// The decision of rule R3: "cannot tell" permits nothing.
pub const fn settle(alive: Alive) -> Settle {
    match alive {
        Alive::No => Settle::CloseAsLost,
        Alive::Yes => Settle::EndAndRepeat,
        Alive::CannotTell => Settle::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_started_only_by_the_claim_that_made_it() {
        for exit in [false, true] {
            for lock_held in [false, true] {
                for fresh in [false, true] {
                    let seen = Seen { fresh, exit, lock_held };
                    let starts = next_step(seen) == Step::Start;
                    assert_eq!(starts, fresh && !exit && !lock_held, "{seen:?}");
                    assert_eq!(next_step(seen) == Step::Finish, exit, "{seen:?}");
                }
            }
        }
    }

    #[test]
    fn cannot_tell_neither_closes_nor_kills() {
        assert_eq!(settle(Alive::CannotTell), Settle::Hold);
        assert_eq!(settle(Alive::No), Settle::CloseAsLost);
        assert_eq!(settle(Alive::Yes), Settle::EndAndRepeat);
    }
}
