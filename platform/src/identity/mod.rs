//! Who a process is. An *identity* is (boot, pid, start time): a PID alone is reused. "Cannot tell" is an answer of its
//! own, and nobody may send a signal on it.

use agentlab_domain::hang::Standing;
use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

/// One process, for as long as the machine is up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The boot of the machine: its id (Linux) or its time (macOS).
    pub boot: String,
    pub pid: i32,
    /// Ticks since boot (Linux) or microseconds since 1970 (macOS).
    pub start: i64,
}

/// Whether a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Living {
    Yes,
    /// It is gone, was reaped, or is a zombie that only its parent has yet to collect.
    No,
    CannotTell,
}

/// The boot of the machine that runs now.
pub fn boot() -> std::io::Result<String> {
    system::boot()
}

impl Identity {
    /// This process.
    pub fn own() -> std::io::Result<Self> {
        Self::of(std::process::id().cast_signed())?
            .ok_or_else(|| std::io::Error::other("this process cannot see itself"))
    }

    /// The process that has `pid` now; `None` when there is none.
    pub fn of(pid: i32) -> std::io::Result<Option<Self>> {
        let boot = system::boot()?;
        Ok(system::start_time(pid)?.map(|start| Self { boot, pid, start }))
    }

    /// Whether this very process lives.
    pub fn living(&self) -> Living {
        match system::boot() {
            Ok(boot) if boot != self.boot => Living::No,
            Ok(_) => match system::start_time(self.pid) {
                Ok(Some(start)) if start == self.start => Living::Yes,
                Ok(Some(_) | None) => Living::No,
                Err(_) => Living::CannotTell,
            },
            Err(_) => Living::CannotTell,
        }
    }

    /// How this very process stands.
    pub fn standing(&self) -> Standing {
        match (system::boot(), system::seen(self.pid)) {
            (Ok(boot), _) if boot != self.boot => Standing::Gone,
            (Ok(_), Ok(Some((start, standing)))) if start == self.start => standing,
            (Ok(_), Ok(Some(_) | None)) => Standing::Gone,
            (Err(_), _) | (_, Err(_)) => Standing::CannotTell,
        }
    }
}

/// Every living descendant of `pid`, as far as parentage shows.
pub fn descendants(pid: i32) -> std::io::Result<Vec<Identity>> {
    descendants_beside(pid, &[])
}

/// The same without the processes that are `cut` off, and without what descends through them.
pub fn descendants_beside(pid: i32, cut: &[i32]) -> std::io::Result<Vec<Identity>> {
    let boot = system::boot()?;
    let parents = system::parents()?;
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        for (child, of) in &parents {
            if *of == parent && !found.contains(child) && !cut.contains(child) {
                found.push(*child);
            }
        }
    }
    let mut identities = Vec::new();
    for child in found.into_iter().skip(1) {
        if let Some(start) = system::start_time(child)? {
            identities.push(Identity { boot: boot.clone(), pid: child, start });
        }
    }
    Ok(identities)
}

/// Every living process whose environment holds `mark` (`NAME=value`). Processes of other users are not ours and are
/// passed over; so is, on macOS, what the system protects.
pub fn marked(mark: &str) -> std::io::Result<Vec<Identity>> {
    let (name, value) = mark.split_once('=').ok_or_else(|| std::io::Error::other("a mark is NAME=value"))?;
    let carriers = carriers(name)?.into_iter().filter(|(_, carried)| carried == value);
    Ok(carriers.map(|(identity, _)| identity).collect())
}

/// Every living process whose environment has the variable `name`, with its value there.
pub fn carriers(name: &str) -> std::io::Result<Vec<(Identity, String)>> {
    let boot = system::boot()?;
    let mut carriers = Vec::new();
    for pid in system::carrying(name)? {
        if let Some((start, value)) = of_one(|| system::start_time(pid), || system::carried(pid, name))? {
            carriers.push((Identity { boot: boot.clone(), pid, start }, value));
        }
    }
    Ok(carriers)
}

/// Start time and mark of a PID, when both are of one process: the PID may come to another one between two looks.
fn of_one(
    start: impl Fn() -> std::io::Result<Option<i64>>,
    value: impl FnOnce() -> Option<String>,
) -> std::io::Result<Option<(i64, String)>> {
    let (Some(before), Some(value)) = (start()?, value()) else { return Ok(None) };
    Ok((start()? == Some(before)).then_some((before, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_pid() {
        let own = Identity::own().unwrap();
        assert_eq!(own.living(), Living::Yes);
        assert_eq!(Identity { start: own.start + 1, ..own.clone() }.living(), Living::No, "a reused PID");
        assert_eq!(Identity { boot: "earlier".into(), ..own }.living(), Living::No, "an earlier boot");
    }

    #[test]
    fn a_zombie_is_dead_and_children_are_found_by_parentage_and_mark() {
        let mark = format!("AGENTLAB_MARK_TEST={}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").env(name, value).spawn().unwrap();
        let pid = child.id().cast_signed();
        let identity = Identity::of(pid).unwrap().unwrap();
        assert!(descendants(std::process::id().cast_signed()).unwrap().contains(&identity));
        while !marked(&mark).unwrap().contains(&identity) {
            std::thread::yield_now();
        }
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
        while identity.living() != Living::No {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!((identity.living(), identity.standing()), (Living::No, Standing::Gone));
    }

    #[test]
    fn a_mark_belongs_to_no_process_that_got_the_pid_after_it_was_read() {
        let starts = std::cell::RefCell::new(vec![8, 7]);
        let look = || Ok(starts.borrow_mut().pop());
        assert_eq!(of_one(look, || Some("run".into())).unwrap(), None);
        assert_eq!(of_one(|| Ok(Some(7)), || Some("run".into())).unwrap(), Some((7, "run".into())));
        assert_eq!(of_one(|| Ok(Some(7)), || None).unwrap(), None);
    }

    #[test]
    fn a_stopped_process_is_told_from_one_that_only_sleeps() {
        use nix::sys::signal::{Signal, kill};
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        let identity = Identity::of(pid.as_raw()).unwrap().unwrap();
        let wait_for = |standing| {
            while identity.standing() != standing {
                std::thread::yield_now();
            }
        };
        // While its program is read from the disk it waits for that.
        wait_for(Standing::Running);
        kill(pid, Signal::SIGSTOP).unwrap();
        wait_for(Standing::Stopped);
        kill(pid, Signal::SIGKILL).unwrap();
        child.wait().unwrap();
    }
}
