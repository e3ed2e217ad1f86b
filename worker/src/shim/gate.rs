//! The gate: what the agent is until it may begin (rule R4). It takes `child.lock`, waits on its standard input for one
//! byte, and becomes the agent; a closed pipe means that the shim is gone, and then nothing begins. PID and start time
//! survive the `exec`, so the identity that was recorded is the agent's.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use agentlab_platform::{
    hooks,
    lock::{Lock, Mode},
    memory,
    run_dir::RunDir,
    spawn,
};
use fail::fail_point;
use nix::sys::signal::SigSet;

/// Waits at the gate of the run in `directory`; returns only if the agent did not start.
pub fn gate(directory: PathBuf) -> io::Result<()> {
    let run = RunDir::at(directory);
    let lock = Lock::try_take(&run.child_lock(), Mode::Exclusive)?
        .ok_or_else(|| io::Error::other("another agent holds this run's child.lock"))?;
    fail_point!("gate-locked");
    let mut word = [0_u8; 1];
    if io::stdin().read(&mut word)? == 0 {
        return Ok(());
    }
    fail_point!("gate-open");
    let spec = run.spec()?;
    nix::unistd::dup2_stdin(File::open(run.prompt())?)?;
    lock.keep_through_exec()?;
    // The shim's blocked signals came along; the agent must hear them.
    SigSet::empty().thread_set_mask()?;
    memory::go_first();
    fail_point!("gate-become");
    let error = spawn::become_agent(&spec, hooks::environment(&run));
    let program = spec.command.first().map(String::as_str).unwrap_or_default();
    run.write_refusal(&format!("{program}: {error}"))?;
    Err(error)
}
