//! Watching one process for *stillness*: that it stands still (SIGSTOP) without a break for longer than the patience of
//! `domain::hang`. What is done about it is the watcher's: a daemon is ended, a shim is woken.

use std::time::Instant;

use agentlab_domain::hang::{self, Standing, Verdict};

use crate::{clock, identity::Identity};

/// Since when a process stands still, as far as it was looked at.
#[derive(Debug, Default)]
pub struct Stillness(Option<Instant>);

impl Stillness {
    /// Looks once; true when the patience is over. Whoever cannot be looked at is not held to stand still.
    pub fn look(&mut self, process: &Identity) -> bool {
        let standing = process.standing();
        let since = match standing {
            Standing::Stopped => *self.0.get_or_insert_with(clock::instant),
            Standing::Running | Standing::Blocked | Standing::Gone | Standing::CannotTell => {
                self.0 = None;
                return false;
            }
        };
        hang::decide(standing, since.elapsed(), clock::scaled(hang::PATIENCE)) == Verdict::End
    }

    /// Begins anew: something was done about it.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}
