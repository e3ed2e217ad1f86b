//! The shim: a small process that holds one run for life. Worker, supervisor and bot may all die; the shim keeps the
//! run's lock, starts the agent, sees its end, ends what it left behind, and writes `exit.json`. It has no database, no
//! network and no async runtime.
//!
//! *Holding* means: while the shim lives the lock is held, and when it is dead the lock is free. No signal but SIGKILL
//! ends a shim; to stop a run, `stop.json` is put into its directory (rule R8).

mod begin;
mod checks;
mod family;
mod gate;
mod reaper;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use agentlab_domain::{
    memory::{Kills, killed_for_memory},
    outcome::{End, Exit},
};
use agentlab_platform::{
    clock,
    identity::{self, Identity},
    memory::Counts,
    run_dir::{MARK, RunDir, Spec},
    telemetry,
};
use fail::fail_point;
use nix::sys::signal::{SigSet, Signal};

pub use checks::check;
pub use gate::gate;

use begin::{AtGate, wait_at_gate};
use family::Family;
use reaper::{Reaped, Reaper};

/// Whether orphans of a run come to its shim.
const SUBREAPER: bool = cfg!(target_os = "linux");
/// Between two looks at the run.
const LOOK: Duration = Duration::from_millis(100);
/// Between two listings of the descendants.
const LIST: Duration = Duration::from_secs(1);
/// A run is young for this long.
const YOUNG: Duration = Duration::from_secs(2);
/// What is left behind by an agent that ended by itself has this long after SIGTERM.
const LEFT_BEHIND: Duration = Duration::from_secs(2);

/// Holds the run in `directory`. Standard input is the run's locked descriptor (rule R2).
pub fn hold(directory: PathBuf) -> io::Result<()> {
    fail_point!("shim-begin");
    let run = RunDir::at(directory);
    // A session of its own: what ends the worker's terminal or group does not end the run.
    nix::unistd::setsid()?;
    become_subreaper()?;
    let mut immune = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2] {
        immune.add(signal);
    }
    // Blocked, not ignored: what is ignored stays so in whatever is started; the gate clears the mask again.
    immune.thread_block()?;
    // So that it can be woken when somebody stops it. Without the file it cannot; that is no reason not to work.
    let _ = Identity::own().and_then(|own| run.write_shim(&own));
    // A shim that finds an end never starts a child (rule R3).
    if run.exit()?.is_some() {
        return Ok(());
    }
    let spec = run.spec()?;
    // Without a log there is still a run. Numbers and words of our own alone are logged here, so no secret can be.
    if let Some(home) = run.path().parent().and_then(Path::parent) {
        let _ = telemetry::start_in(&home.join("logs"), "shim", &[]);
    }
    spec.trace.span().in_scope(|| keep(&run, &spec))
}

/// Keeps the run to its end, and writes that down.
fn keep(run: &RunDir, spec: &Spec) -> io::Result<()> {
    fail_point!("shim-spec");
    let exit = match run.stop()? {
        Some(stop) => Exit::without_status(End::Stopped { by: stop.by }),
        None => watch(run, spec)?,
    };
    tracing::info!(end = exit.end.word(), code = exit.code, signal = exit.signal, "the run is over");
    fail_point!("shim-exit");
    // A disk that is full now is not full for ever: an end that is not told would be done again.
    while let Err(error) = run.write_exit(&exit) {
        if !run.path().exists() {
            return Err(error);
        }
        std::thread::sleep(LIST);
    }
    Ok(())
}

/// Starts the agent through its gate and stays until nothing of it is left.
fn watch(run: &RunDir, spec: &Spec) -> io::Result<Exit> {
    let AtGate { mut gate, child } = match wait_at_gate(run, spec)? {
        Ok(at_gate) => at_gate,
        Err(exit) => return Ok(exit),
    };
    let pid = child.pid;
    fail_point!("shim-child");
    let counts = Counts::find();
    let before = counts.kills();
    // Recorded and synced: now it may begin (rule R4).
    if let Some(mut latch) = gate.stdin.take() {
        let _ = latch.write_all(b"1");
    }
    tracing::info!(pid, "the agent began");
    fail_point!("shim-open");
    let mut watch = Watch {
        run,
        spec,
        pid,
        child: Some(child),
        checking: false,
        counts,
        before,
        family: Family::default(),
        reaper: Reaper::start(),
        began: clock::instant(),
        stirred: clock::instant(),
        size: 0,
        listed: None,
        end: None,
        ended: None,
    };
    let exit = watch.until_over();
    Ok(watch.check(exit))
}

struct Watch<'a> {
    run: &'a RunDir,
    spec: &'a Spec,
    pid: i32,
    /// Who that is; a check may be gone before it is looked at.
    child: Option<Identity>,
    /// The agent is over, and its checks run.
    checking: bool,
    counts: Counts,
    /// The system's kills for lack of memory, before the agent began.
    before: Kills,
    family: Family,
    reaper: Reaper,
    began: Instant,
    /// When output last grew.
    stirred: Instant,
    size: u64,
    listed: Option<Instant>,
    /// Why we are ending it, and since when; `None` while it may run.
    end: Option<(End, Instant)>,
    /// The agent's own exit, and when it was seen.
    ended: Option<(Exit, Instant)>,
}

impl Watch<'_> {
    fn until_over(&mut self) -> Exit {
        loop {
            let childless = match self.reaper.next(LOOK) {
                Some(Reaped::Ended { pid, code, signal }) if pid == self.pid => {
                    self.ended = Some((self.exited(code, signal), clock::instant()));
                    false
                }
                Some(Reaped::Ended { .. }) | None => false,
                Some(Reaped::NoneLeft) => true,
            };
            self.list();
            fail_point!("shim-watch");
            if let Some((exit, since)) = self.ended.clone() {
                fail_point!("shim-ended");
                if self.nothing_left(childless) {
                    return self.verdict(exit);
                }
                self.sweep(since);
                continue;
            }
            self.decide_end();
            self.press();
        }
    }

    fn exited(&self, code: Option<i32>, signal: Option<i32>) -> Exit {
        let out_of_memory = killed_for_memory(self.before, self.counts.kills(), signal, self.end.is_some());
        Exit { end: End::Exited, code, signal, out_of_memory }
    }

    /// Whether no process of the run is left. With a subreaper "no child left" proves it, for orphans come to us. Without
    /// one the recorded family must be gone, and nobody may carry the run's mark.
    fn nothing_left(&mut self, childless: bool) -> bool {
        if SUBREAPER {
            return childless;
        }
        let mark = format!("{MARK}={}", self.spec.run);
        childless && self.family.is_over(|| identity::marked(&mark))
    }

    fn verdict(&self, exit: Exit) -> Exit {
        if let Ok(Some(why)) = self.run.refusal() {
            return Exit { end: End::NotStarted { why }, ..exit };
        }
        match &self.end {
            Some((end, _)) => Exit { end: end.clone(), ..exit },
            None => exit,
        }
    }

    /// Records who belongs to the run, once a second and whenever it is being ended.
    fn list(&mut self) {
        let urgent = self.end.is_some() || self.ended.is_some();
        // Often at the beginning: whoever lets go of parent, session and mark at once must have been seen before.
        let young = self.began.elapsed() < YOUNG;
        if urgent || young || self.listed.is_none_or(|at| at.elapsed() >= LIST) {
            self.listed = Some(clock::instant());
            self.record();
        }
    }

    /// Nothing here may end the shim: a run must not lose its keeper because a file could not be written.
    fn record(&mut self) {
        match self.family.look() {
            Ok(false) => {}
            Ok(true) => {
                let _ = self.run.write_family(self.family.known());
            }
            Err(_) => self.listed = None,
        }
    }

    /// Whether the run must end now, and why.
    fn decide_end(&mut self) {
        if self.end.is_some() {
            return;
        }
        let size = self.output_size();
        if size != self.size {
            (self.size, self.stirred) = (size, clock::instant());
        }
        let end = if let Ok(Some(stop)) = self.run.stop() {
            End::Stopped { by: stop.by }
        } else if self.began.elapsed() >= Duration::from_millis(self.spec.limit_ms) {
            End::TimeLimit
        } else if !self.checking && self.stirred.elapsed() >= Duration::from_millis(self.spec.silence_ms) {
            End::NoProgress
        } else {
            return;
        };
        // The tools have sessions of their own: listed now, since afterwards their parent is somebody else.
        self.record();
        // An agent ends its tools itself; a check is only a shell.
        match &self.child {
            Some(agent) if !self.checking => family::signal(agent, Signal::SIGINT),
            Some(_) | None => self.family.kill(Signal::SIGINT),
        }
        self.end = Some((end, clock::instant()));
    }

    /// After the grace, an agent that was asked to end is killed with everything that is its own.
    fn press(&mut self) {
        if let Some((_, since)) = &self.end
            && since.elapsed() >= Duration::from_millis(self.spec.grace_ms)
        {
            self.family.kill(Signal::SIGKILL);
            if let Some(child) = &self.child {
                family::signal(child, Signal::SIGKILL);
            }
        }
    }

    /// Ends what the agent left behind: asked first, then killed, as often as something is found.
    fn sweep(&mut self, since: Instant) {
        let grace = LEFT_BEHIND.min(Duration::from_millis(self.spec.grace_ms));
        let stopping = self.end.is_some();
        let signal = if stopping || since.elapsed() >= grace { Signal::SIGKILL } else { Signal::SIGTERM };
        self.family.kill(signal);
    }

    fn output_size(&self) -> u64 {
        [self.run.events(), self.run.stderr()]
            .iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

/// Orphans of this run come to us, not to init: so they can be found and collected.
#[cfg(target_os = "linux")]
fn become_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// macOS has no such thing; there the recorded family and the mark in the environment must do.
#[cfg(not(target_os = "linux"))]
fn become_subreaper() -> io::Result<()> {
    Ok(())
}
