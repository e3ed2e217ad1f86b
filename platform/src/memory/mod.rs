//! What the system does when memory is short: it kills processes of its own choice (the OOM killer). *Kills* are its own
//! counts of them; where it keeps none there is no evidence, and nothing is claimed.
//!
//! This neither measures nor limits memory.

use agentlab_domain::memory::Kills;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

/// Where the counts stand for this process. Found once, so that two looks are two looks at the same count.
#[derive(Debug, Clone)]
pub struct Counts(system::Counts);

impl Counts {
    /// Finds them.
    pub fn find() -> Self {
        Self(system::Counts::find())
    }

    /// The counts now.
    pub fn kills(&self) -> Kills {
        self.0.kills()
    }
}

/// Makes this process, and what it becomes and starts, one that the system kills before others. A system that does not
/// let us is no reason to do less work.
pub fn go_first() {
    system::go_first();
}
