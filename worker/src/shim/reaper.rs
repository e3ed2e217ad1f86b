//! Collecting the dead: one thread waits for any child, so that a death is known at once. *None left* is the system's own
//! word (ECHILD) that this process has no child any more; on Linux, where orphans of a run come to its shim, that means
//! that the run has no process at all.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::wait::{WaitStatus, wait},
};

/// What the thread saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaped {
    Ended { pid: i32, code: Option<i32>, signal: Option<i32> },
    NoneLeft,
}

/// The thread that waits.
#[derive(Debug)]
pub(super) struct Reaper(Receiver<Reaped>);

impl Reaper {
    /// Starts waiting. There must be a child already.
    pub(super) fn start() -> Self {
        let (seen, receiver) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let reaped = match wait() {
                    Ok(WaitStatus::Exited(pid, code)) => {
                        Reaped::Ended { pid: pid.as_raw(), code: Some(code), signal: None }
                    }
                    Ok(WaitStatus::Signaled(pid, signal, _)) => {
                        Reaped::Ended { pid: pid.as_raw(), code: None, signal: Some(signal as i32) }
                    }
                    Ok(_) | Err(Errno::EINTR) => continue,
                    Err(_) => Reaped::NoneLeft,
                };
                if seen.send(reaped).is_err() || reaped == Reaped::NoneLeft {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next death, if one comes within `limit`. After "none left" it says so again and again.
    pub(super) fn next(&self, limit: Duration) -> Option<Reaped> {
        match self.0.recv_timeout(limit) {
            Ok(reaped) => Some(reaped),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Reaped::NoneLeft),
        }
    }
}
