//! Becoming another program, and standing behind one. `exec` keeps the PID and the terminal: every lock and socket of ours is
//! closed by it. Whoever *stands by* is an earlier release that stays as the parent of a supervisor on trial, because a program
//! that was replaced by a bad one could do nothing about it any more.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::process::{CommandExt, parent_id},
    process::Command,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    home::Home,
    identity::Identity,
    program,
    releases::{PROGRAM, start::becoming},
    spawn::Wish,
};

/// The verb of whoever stands by; what follows is the command line of the supervisor behind which it stands.
pub const STANDBY: &str = "standby";
/// Names the process that stands behind this one.
const BEHIND: &str = "AGENTLAB_STANDBY";

/// Becomes what is installed by now, with the arguments of this process. Returns only if that failed.
pub fn become_another(home: &Home) -> io::Error {
    let become_it = |path: io::Result<std::path::PathBuf>, arguments: Vec<OsString>| match path {
        Ok(path) => Command::new(path).args(arguments).envs(becoming(home)).exec(),
        Err(error) => error,
    };
    let error = become_it(program::installed(home), arguments());
    tracing::error!(%error, "what is installed cannot be started; the release that ran takes the place");
    become_it(program::own(), arguments())
}

/// Becomes, in the same release, whoever stands behind the supervisor that is installed by now. Returns only if that failed.
pub fn stand_by() -> io::Error {
    match program::own() {
        // Whoever looks at the processes sees a name.
        Ok(path) => Command::new(path).arg0(PROGRAM).arg(STANDBY).args(arguments()).exec(),
        Err(error) => error,
    }
}

/// Starts the supervisor behind which this process stands: in its process group and its terminal.
pub fn successor(home: &Home, arguments: &[OsString]) -> io::Result<Identity> {
    let mut command = Command::new(program::installed(home)?);
    let child = command.args(arguments).env(BEHIND, std::process::id().to_string()).envs(becoming(home)).spawn()?;
    // Nobody else collects it, so it is there, living or ended.
    Identity::of(child.id().cast_signed())?.ok_or_else(|| io::Error::other("it ended at once"))
}

/// Whether a process stands behind this one, and starts what is installed when this one ends with the code for that.
pub fn somebody_stands_by() -> bool {
    let behind = std::env::var(BEHIND).ok().and_then(|pid| pid.parse::<u32>().ok());
    behind.is_some() && behind == Some(parent_id())
}

/// Something that reaches whoever stands by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// To be passed on.
    Wish(Wish),
    /// SIGINT: Ctrl-C in a terminal, which reaches the whole process group, or somebody's signal.
    Interrupt,
    /// A child ended.
    Ended,
}

/// The signals for whoever stands by.
#[derive(Debug)]
pub struct Ears {
    terminate: Signal,
    interrupt: Signal,
    restart: Signal,
    drain: Signal,
    child: Signal,
}

impl Ears {
    /// Listens from now on. Must be called inside a runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            restart: signal(SignalKind::user_defined1())?,
            drain: signal(SignalKind::user_defined2())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// The next one.
    pub async fn heard(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Wish(Wish::End),
            _ = self.restart.recv() => Heard::Wish(Wish::Restart),
            _ = self.drain.recv() => Heard::Wish(Wish::Drain),
            _ = self.interrupt.recv() => Heard::Interrupt,
            _ = self.child.recv() => Heard::Ended,
        }
    }
}

/// Whether Ctrl-C in a terminal reaches this process, and with it every one of its group.
pub fn is_in_a_terminals_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    nix::unistd::tcgetpgrp(&terminal).is_ok_and(|group| group == nix::unistd::getpgrp())
}

/// What this process was called with.
fn arguments() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}
