//! Jobs: what a user wants done. A job's *state* says what it waits for; ended states are never left.
//!
//! A job is not a run: one job may take several runs (see `run`), and "a run is alive" is asked of the run, never read
//! from the job's state.

use serde::{Deserialize, Serialize};

/// What a job waits for, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Accepted; waits for its turn.
    Queued,
    /// A run is alive or about to start.
    Running,
    /// A run failed in a way that may pass: waits for its next run.
    Retrying,
    /// Waits for a time that is known (a usage limit's reset, a check of the login).
    Parked,
    /// Waits for a person.
    Waiting,
    /// Ended with an answer.
    Done,
    /// Ended with a reason.
    Failed,
    /// Ended by a person.
    Cancelled,
    /// Ended because its runs took their keeper down.
    Poison,
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Claim,
    Succeed,
    Fail,
    Retry,
    Park,
    AskPerson,
    Cancel,
    SetAside,
    Requeue,
}

/// A move that the rules do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {state:?} cannot {event:?}")]
pub struct Illegal {
    pub state: State,
    pub event: Event,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Parked,
        Self::Waiting,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Poison,
    ];

    /// The word in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Parked => "parked",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Poison => "poison",
        }
    }

    /// The state of a word; `None` for a state of a later release.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the job has its one visible outcome.
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::Cancelled | Self::Poison => true,
            Self::Queued | Self::Running | Self::Retrying | Self::Parked | Self::Waiting => false,
        }
    }

    /// Whether the job keeps its place in its lane, so that what came after it waits.
    pub const fn holds_lane(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Retrying | Self::Parked => true,
            Self::Waiting | Self::Done | Self::Failed | Self::Cancelled | Self::Poison => false,
        }
    }

    /// `Jobs.status` of apalis for this state while no worker holds a lease.
    pub const fn queue_status(self) -> &'static str {
        match self {
            Self::Queued | Self::Running | Self::Retrying | Self::Parked | Self::Waiting => "Pending",
            Self::Done => "Done",
            Self::Failed | Self::Poison => "Failed",
            Self::Cancelled => "Killed",
        }
    }
}

/// The state after `event`.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    use Event as E;
    use State as S;
    let illegal = Err(Illegal { state, event });
    match (state, event) {
        (S::Queued | S::Retrying | S::Parked | S::Running, E::Claim) => Ok(S::Running),
        (S::Running, E::Succeed) => Ok(S::Done),
        // Before a run too: for want of money.
        (S::Queued | S::Retrying | S::Parked | S::Running, E::Fail) => Ok(S::Failed),
        (S::Queued | S::Retrying | S::Parked | S::Running, E::Park) => Ok(S::Parked),
        (S::Running, E::Retry) => Ok(S::Retrying),
        (S::Running, E::AskPerson) => Ok(S::Waiting),
        (S::Running, E::SetAside) => Ok(S::Poison),
        (S::Queued | S::Running | S::Retrying | S::Parked | S::Waiting, E::Cancel) => Ok(S::Cancelled),
        (S::Parked | S::Waiting, E::Requeue) => Ok(S::Queued),
        (S::Queued | S::Retrying | S::Parked, E::Succeed | E::Retry | E::AskPerson | E::SetAside)
        | (S::Waiting, E::Claim | E::Succeed | E::Fail | E::Retry | E::Park | E::AskPerson | E::SetAside)
        | (S::Queued | S::Retrying | S::Running, E::Requeue)
        | (S::Done | S::Failed | S::Cancelled | S::Poison, _) => illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 9] = [
        Event::Claim,
        Event::Succeed,
        Event::Fail,
        Event::Retry,
        Event::Park,
        Event::AskPerson,
        Event::Cancel,
        Event::SetAside,
        Event::Requeue,
    ];

    #[test]
    fn ended_states_are_never_left_and_every_other_one_can_be_cancelled() {
        for state in State::ALL {
            for event in EVENTS {
                if state.is_ended() {
                    assert_eq!(next(state, event), Err(Illegal { state, event }));
                }
            }
            assert_eq!(next(state, Event::Cancel).is_ok(), !state.is_ended(), "{state:?}");
        }
    }

    #[test]
    fn only_a_running_job_gets_an_outcome() {
        for state in State::ALL {
            for event in [Event::Succeed, Event::Retry, Event::AskPerson, Event::SetAside] {
                assert_eq!(next(state, event).is_ok(), state == State::Running, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn words_round_trip_and_unknown_ones_are_no_state() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("levitating"), None);
    }

    #[test]
    fn an_illegal_move_names_both() {
        let error = next(State::Done, Event::Claim).unwrap_err();
        assert_eq!(error.to_string(), "a job that is Done cannot Claim");
    }
}
