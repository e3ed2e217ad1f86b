//! Waking the keeper of a run. A shim that was *stopped* (SIGSTOP) hears neither a cancellation nor the end of its agent.
//! It is sent SIGCONT after the patience that `domain::hang` has with everybody; it is never killed, since its run would go
//! with it.

use agentlab_platform::{run_dir::RunDir, spawn, stillness::Stillness};

/// Looks at one shim.
#[derive(Debug, Default)]
pub(crate) struct Waker(Stillness);

impl Waker {
    /// Looks once; whoever cannot be looked at is left alone.
    pub(crate) fn look(&mut self, run: &RunDir) {
        let Ok(Some(shim)) = run.shim() else { return };
        if self.0.look(&shim) {
            tracing::warn!(pid = shim.pid, "the run's shim stands still (SIGSTOP); I wake it");
            spawn::signal(&shim, spawn::Wish::Continue);
            self.0.forget();
        }
    }
}
