//! Orphans: what the supervisor does about a run that no living worker follows. A run is *orphaned* while nobody holds its
//! lease; whoever is idle adopts it, and that is all that most orphans need. The rest is for the time in which nobody is idle.
//!
//! No answer of this file kills a shim. One that runs enforces its limit and its stop by itself, and one that does not is
//! either kept by something that it cannot end (a process of another user, a full disk), which its death would only hide,
//! or is a fault of ours: both are for a person, and are named. What a *dead* shim left is ended by settling (rule R3).

use std::time::Duration;

use crate::run::State;

/// Beyond its limit (or its stop) and its grace, a shim has this long to end before the owner is told.
pub const OVERDUE: Duration = Duration::from_mins(2);

/// What is known of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    Yes,
    No,
    CannotTell,
}

impl Fact {
    /// What a look found out.
    pub fn of<E>(look: Result<bool, E>) -> Self {
        look.map_or(Self::CannotTell, |yes| if yes { Self::Yes } else { Self::No })
    }
}

/// Who holds the run's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// A worker that lives.
    Living,
    Nobody,
    /// Also: a worker that is dead and whose lease was not let go of yet.
    CannotTell,
}

/// Everything that is seen of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is seen, and all combinations are tested")]
pub struct Seen {
    pub state: State,
    pub lease: Lease,
    /// `run.lock` is held.
    pub shim: Fact,
    /// The shim stands still (SIGSTOP), and the patience with it is over.
    pub still: bool,
    /// `exit.json` is there.
    pub exit: Fact,
    /// Somebody cancelled its job, or the job ended in another way.
    pub unwanted: bool,
    /// `stop.json` is there.
    pub asked: Fact,
    /// It should have ended long ago: see `overdue`.
    pub overdue: bool,
    /// It was looked at in vain, and is left alone for a time.
    pub held: bool,
    /// The workers were told of it since nobody follows it.
    pub told: bool,
    /// The owner was told that it does not end.
    pub named: bool,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the shim SIGCONT.
    Wake,
    /// Write `stop.json`, which the shim obeys without a worker (rule R8).
    Stop,
    /// Tell the owner that its shim should have ended long ago.
    Name,
    /// End what the dead shim left, then write the run's end (rule R3).
    Settle,
    /// Ping the workers: one that is idle takes it up, or finishes it.
    Adopt,
}

/// Whether a shim that has lived for so long, and was asked to stop so long ago, should have ended.
///
/// Both are measured by the observer, from when it saw it first: so neither a clock that jumps nor a sleeping laptop
/// makes anybody overdue. `patience` is `OVERDUE`, as the observer counts time.
pub fn overdue(lived: Duration, asked: Option<Duration>, limit: Duration, grace: Duration, patience: Duration) -> bool {
    let late = |since: Duration, limit: Duration| since > limit.saturating_add(grace).saturating_add(patience);
    late(lived, limit) || asked.is_some_and(|since| late(since, Duration::ZERO))
}

/// The decision; an empty list means to wait. On "cannot tell" nothing is done that could meet somebody who lives.
pub fn decide(seen: Seen) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut when = |condition: bool, action| {
        if condition {
            actions.push(action);
        }
    };
    match (seen.state, seen.lease) {
        (State::Over, _) | (_, Lease::CannotTell) => {}
        // It is left to its worker, which wakes, stops and settles. That it does not end is for a person all the same.
        (State::Claimed | State::Running, Lease::Living) => {
            when(seen.overdue && !seen.named && seen.exit == Fact::No, Action::Name);
        }
        (State::Claimed | State::Running, Lease::Nobody) => match (seen.shim, seen.exit) {
            (Fact::CannotTell, _) | (_, Fact::CannotTell) => {}
            (Fact::Yes, exit) => {
                let works = exit == Fact::No;
                when(seen.still, Action::Wake);
                when(works && seen.unwanted && seen.asked == Fact::No, Action::Stop);
                when(works && seen.overdue && !seen.named, Action::Name);
                when(!seen.told && !seen.held, Action::Adopt);
            }
            (Fact::No, Fact::Yes) => when(!seen.told && !seen.held, Action::Adopt),
            // Its row was not made a moment ago: a run is begun by the claim that made it, and that one holds the lease.
            (Fact::No, Fact::No) if !seen.held => {
                when(true, Action::Settle);
                when(true, Action::Adopt);
            }
            (Fact::No, Fact::No) => {}
        },
    }
    actions
}

#[cfg(test)]
mod tests;
