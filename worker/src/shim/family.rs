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
    /// Somebody was taken up since the last look.
    grown: bool,
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
        let grown = std::mem::take(&mut self.grown);
        Ok(grown || before != kept || kept != self.known.len())
    }

    /// Takes up what was found by another way than parentage; true when somebody new was among it. This process is nobody's
    /// descendant, though it carries the mark too.
    fn take_up(&mut self, found: Vec<Identity>) -> bool {
        let own = std::process::id().cast_signed();
        let before = self.known.len();
        for process in found {
            if process.pid != own && !self.known.contains(&process) {
                self.known.push(process);
            }
        }
        let grown = before != self.known.len();
        self.grown |= grown;
        grown
    }

    /// Those that may live.
    pub(super) fn known(&self) -> &[Identity] {
        &self.known
    }

    /// Whether nothing of the run is left, where parentage alone cannot prove it: everybody known is gone, and among those
    /// that carry the run's mark is nobody but us. When that cannot be told, it is not over.
    pub(super) fn is_over(&mut self, marked: impl FnOnce() -> io::Result<Vec<Identity>>) -> bool {
        self.is_gone() && marked().is_ok_and(|marked| !self.take_up(marked))
    }

    /// Whether every one of them is gone.
    fn is_gone(&self) -> bool {
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these tests start processes")]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A process that the family does not know of.
    fn stray(mark: &str) -> (Child, Identity) {
        let (name, value) = mark.split_once('=').unwrap();
        let stray = Command::new("sleep").arg("600").env(name, value).spawn().unwrap();
        let identity = Identity::of(stray.id().cast_signed()).unwrap().unwrap();
        while !identity::marked(mark).unwrap().contains(&identity) {
            std::thread::yield_now();
        }
        (stray, identity)
    }

    #[test]
    fn a_run_is_not_over_while_somebody_carries_its_mark_and_he_is_ended() {
        let mark = format!("AGENTLAB_RUN=family-{}", std::process::id());
        let (mut stray, identity) = stray(&mark);
        let mut family = Family::default();
        assert!(!family.is_over(|| identity::marked(&mark)));
        assert_eq!(family.known(), std::slice::from_ref(&identity), "so that it is written down and ended");
        assert!(family.grown);
        family.kill(Signal::SIGKILL);
        stray.wait().unwrap();
        assert!(family.is_over(|| identity::marked(&mark)));
    }

    #[test]
    fn the_shim_itself_does_not_keep_its_run_from_being_over() {
        let own = Identity::own().unwrap();
        let mut family = Family::default();
        assert!(family.is_over(|| Ok(vec![own.clone()])));
        assert!(family.known().is_empty(), "it must never end itself");
    }

    #[test]
    fn cannot_tell_is_not_over_and_is_not_asked_while_somebody_known_lives() {
        let mut family = Family::default();
        assert!(!family.is_over(|| Err(io::Error::other("ps cannot list the processes"))));
        let (mut stray, identity) = stray(&format!("AGENTLAB_RUN=known-{}", std::process::id()));
        let mut family = Family { known: vec![identity], grown: false };
        assert!(!family.is_over(|| panic!("not needed")));
        stray.kill().unwrap();
        stray.wait().unwrap();
    }
}
