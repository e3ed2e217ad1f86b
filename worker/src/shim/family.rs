//! The family of a run: every process that was ever seen below its shim. Once known it stays known, so that a process
//! whose parent died is not forgotten (on macOS nothing else would find it).

use std::{collections::HashSet, io};

use agentlab_platform::identity::{self, Identity, Living};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::{Pid, getpgid, getpgrp},
};

/// Known processes of a run.
#[derive(Debug, Default)]
pub(super) struct Family {
    known: Vec<Identity>,
}

impl Family {
    /// Looks for descendants; true when the list changed.
    pub(super) fn look(&mut self) -> io::Result<bool> {
        let before = self.known.len();
        let own = std::process::id().cast_signed();
        let seen: HashSet<Identity> = identity::descendants(own)?.into_iter().collect();
        self.known.retain(|process| process.living() != Living::No);
        let kept = self.known.len();
        for process in seen {
            if !self.known.contains(&process) {
                self.known.push(process);
            }
        }
        Ok(before != kept || kept != self.known.len())
    }

    /// Those that may live.
    pub(super) fn known(&self) -> &[Identity] {
        &self.known
    }

    /// Whether every one of them is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.known.iter().all(|process| process.living() == Living::No)
    }

    /// Signals every one of them, with the groups that they lead: an agent's tools have groups of their own.
    pub(super) fn kill(&self, with: Signal) {
        for process in &self.known {
            if process.living() != Living::Yes {
                continue;
            }
            let pid = Pid::from_raw(process.pid);
            // Only a group whose leader is proved ours; never our own.
            if getpgid(Some(pid)) == Ok(pid) && pid != getpgrp() {
                let _ = killpg(pid, with);
            }
            let _ = kill(pid, with);
        }
    }
}

/// Signals one process if it still is that process.
pub(super) fn signal(process: &Identity, with: Signal) {
    if process.living() == Living::Yes {
        let _ = kill(Pid::from_raw(process.pid), with);
    }
}
