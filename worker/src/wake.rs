//! Waking the keeper of a run. A shim that was *stopped* (SIGSTOP) hears neither a cancellation nor the end of its agent.
//! It is sent SIGCONT after the patience that `domain::hang` has with everybody; it is never killed, since its run would go
//! with it.

use std::time::Instant;

use agentlab_domain::hang::{self, Standing, Verdict};
use agentlab_platform::{clock, db::claim::Claim, run_dir::RunDir, spawn};

/// Looks at one shim.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    stopped_since: Option<Instant>,
}

impl Waker {
    /// Looks once; whoever cannot be looked at is left alone.
    pub(crate) fn look(&mut self, claim: &Claim, run: &RunDir) {
        let Ok(Some(shim)) = run.shim() else { return };
        let standing = shim.standing();
        let since = match standing {
            Standing::Stopped => *self.stopped_since.get_or_insert_with(clock::instant),
            Standing::Running | Standing::Gone | Standing::CannotTell => {
                self.stopped_since = None;
                return;
            }
        };
        match hang::decide(standing, since.elapsed(), clock::scaled(hang::PATIENCE)) {
            Verdict::Leave => {}
            Verdict::End => {
                let (task, pid) = (claim.number, shim.pid);
                tracing::warn!(task, run = %claim.run_id, pid, "the run's shim stands still (SIGSTOP); I wake it");
                spawn::signal(&shim, spawn::Wish::Continue);
                self.stopped_since = None;
            }
        }
    }
}
