//! The end of a process, as its pulse says it: an *orderly* one, whatever the end was. A panic is none.

use std::sync::Arc;

use super::{Pulse, Shared};

/// Says that this process ends, when it goes away: also while something else still has the pulse, which a program that becomes
/// another one would never drop.
#[derive(Debug)]
pub struct Ending(pub(super) Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.say(|beat| beat.ended = true);
        }
    }
}

impl Pulse {
    /// Whoever holds this says with its end that the process ends.
    pub fn ending(&self) -> Ending {
        Ending(Arc::clone(&self.shared))
    }
}
