//! Children that no handle of this program waits for: those that it had before it became what it is by `exec`. To *collect*
//! one is to learn how it ended, and to let the system forget it; until then it keeps its PID.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use nix::{
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::Pid,
};

use crate::identity::Identity;

/// Collects a process that ended, if it is a child of ours that no handle of this program waits for: so it is after the program
/// was replaced by another one (`exec`), which knows no handles.
pub fn collect(process: &Identity) -> Option<ExitStatus> {
    match waitpid(Pid::from_raw(process.pid), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::from_raw(code << 8)),
        Ok(WaitStatus::Signaled(_, signal, _)) => Some(ExitStatus::from_raw(signal as i32)),
        // No child of ours, or not ended: another PID by now, or nobody.
        Ok(_) | Err(_) => None,
    }
}

/// Collects every child that ended, and says how `one` did if it is among them. For a process that has one child of its own, and
/// others from before it became what it is.
pub fn collect_all(one: &Identity) -> Option<ExitStatus> {
    let mut found = None;
    loop {
        let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, ExitStatus::from_raw(code << 8)),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, ExitStatus::from_raw(signal as i32)),
            Ok(WaitStatus::StillAlive) | Err(_) => return found,
            Ok(_) => continue,
        };
        if pid.as_raw() == one.pid {
            found = Some(status);
        }
    }
}

/// Collects every child that ended already. For a program that has just become what it is, by `exec`, and has started nobody
/// itself: whoever ended while it did so is told to nobody else.
pub fn collect_left() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
        tracing::info!(?status, "ended while this supervisor took its place");
    }
}
