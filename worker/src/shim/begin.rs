//! The beginning of a run: its agent stands at the gate, recorded, and the space for its end is taken. *Nothing has begun* until
//! the gate is opened, which is not done here.

use std::{io, time::Duration};

use agentlab_domain::outcome::{End, Exit};
use agentlab_platform::{
    clock, disk,
    identity::Identity,
    run_dir::{RunDir, Spec},
    spawn,
};
use fail::fail_point;

use super::LIST;

/// An agent that is recorded and waits at its gate.
pub(super) struct AtGate {
    pub(super) gate: std::process::Child,
    pub(super) child: Identity,
}

/// Starts the gate, takes the space for the end, and records the agent.
fn stand_at_gate(run: &RunDir) -> io::Result<AtGate> {
    let mut gate = spawn::gate(run)?;
    fail_point!("shim-gate");
    let stand = || {
        let gone = || io::Error::other("the gate is gone before it was opened");
        let child = Identity::of(gate.id().cast_signed())?.ok_or_else(gone)?;
        // While the gate loads. Where there is no space to tell an end, nothing begins: the gate's pipe closes with us.
        run.reserve_exit()?;
        fail_point!("shim-reserve");
        run.write_child(&child)?;
        Ok(child)
    };
    match stand() {
        Ok(child) => Ok(AtGate { gate, child }),
        Err(error) => {
            // Its pipe closes: it ends without becoming anything.
            drop(gate.stdin.take());
            let _ = gate.wait();
            Err(error)
        }
    }
}

/// The same, waiting while the disk takes nothing: nothing has begun, and an attempt that is lost for that is lost for nothing.
/// With an exit where it was stopped meanwhile or its time is over.
pub(super) fn wait_at_gate(run: &RunDir, spec: &Spec) -> io::Result<Result<AtGate, Exit>> {
    let began = clock::instant();
    loop {
        let error = match stand_at_gate(run) {
            Ok(at_gate) => return Ok(Ok(at_gate)),
            Err(error) if disk::is_at_fault(&error) && run.path().exists() => error,
            Err(error) => return Err(error),
        };
        if let Ok(Some(stop)) = run.stop() {
            return Ok(Err(Exit::without_status(End::Stopped { by: stop.by })));
        }
        if began.elapsed() >= Duration::from_millis(spec.limit_ms) {
            let why = format!("the disk took nothing for as long as a run may last: {error}");
            return Ok(Err(Exit::without_status(End::NotStarted { why })));
        }
        std::thread::sleep(LIST);
    }
}
