//! Hung processes. A process is *stopped* when the system says that it does not run at all (SIGSTOP): that is positive
//! evidence, unlike silence. It may hold a lease, or a write lock that keeps everybody waiting; after a short patience
//! it is ended, and whatever it held comes free by its proved death (rules R5, L2). Only the keeper of a run is woken instead,
//! since its death would take the run along.

use std::time::Duration;

/// How long a process may stand still; somebody may have stopped it for a moment.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How a process stands, as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can run.
    Running,
    /// It was stopped and waits for SIGCONT. A process under a debugger is not meant.
    Stopped,
    /// It is in the kernel and cannot be interrupted: it waits for a disk. Linux tells; elsewhere it counts as running.
    Blocked,
    /// It is gone.
    Gone,
    CannotTell,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Leave,
    /// Its standing still is ended: by its death, or for a shim by waking it.
    End,
}

/// The decision. `stopped_for` is how long it was seen stopped without a break, on the observer's monotonic clock.
pub fn decide(standing: Standing, stopped_for: Duration, patience: Duration) -> Verdict {
    match standing {
        Standing::Stopped if stopped_for >= patience => Verdict::End,
        Standing::Stopped | Standing::Running | Standing::Blocked | Standing::Gone | Standing::CannotTell => {
            Verdict::Leave
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_stands_still_for_long_is_ended() {
        for standing in [Standing::Running, Standing::Stopped, Standing::Blocked, Standing::Gone, Standing::CannotTell]
        {
            for seconds in [0, 2, 3, 3_600] {
                let verdict = decide(standing, Duration::from_secs(seconds), PATIENCE);
                assert_eq!(
                    verdict == Verdict::End,
                    standing == Standing::Stopped && seconds >= 3,
                    "{standing:?} {seconds}"
                );
            }
        }
    }
}
