//! The checks of a run: after the agent ended by itself with exit code 0, and with nothing of it left, each command that must
//! pass is run, one after the other, all of them even when one failed. They belong to the run: the same shim holds them, the
//! same limit ends them, and what they leave behind is ended like what the agent left. What came of them is recorded before
//! the run is over. A limit that falls into them is theirs: the agent had ended, so the run ends as the agent did. Somebody's
//! wish to stop is a wish about the task, and stops it here as anywhere.

use std::{io, path::PathBuf};

use agentlab_domain::{
    check::{self, Cut, Ran},
    outcome::{End, Exit},
};
use agentlab_platform::{clock, identity::Identity, memory, run_dir::RunDir, spawn};
use nix::sys::signal::SigSet;

use super::{LIST, Watch, reaper::Reaper};

/// Times that writing down the results is tried.
const TRIES: u32 = 5;

/// Becomes check `number` (from 1) of the run in `directory`; returns only if that failed.
pub fn check(directory: PathBuf, number: usize) -> io::Result<()> {
    let spec = RunDir::at(directory).spec()?;
    let command = number.checked_sub(1).and_then(|index| spec.checks.get(index));
    let command = command.ok_or_else(|| io::Error::other("the run has no check of this number"))?;
    // The shim's blocked signals came along, as they do to the gate: a check must hear them.
    SigSet::empty().thread_set_mask()?;
    // As the agent does: what it runs needs memory too, and the shim must outlive both.
    memory::go_first();
    Err(spawn::become_check(&spec, command))
}

impl Watch<'_> {
    /// Runs the checks of a run whose agent ended with `exit`, where it has any and the agent went well.
    pub(super) fn check(&mut self, exit: Exit) -> Exit {
        if exit.end != End::Exited || exit.code != Some(0) {
            return exit;
        }
        self.checking = true;
        let mut ran = Vec::new();
        for (index, command) in self.spec.checks.iter().enumerate() {
            // A wish to end may be older than this check.
            self.decide_end();
            let one = match &self.end {
                None => self.run_check(index + 1, command),
                Some(_) => Ran { cut: Some(Cut::NotRun), ..Ran::of(command) },
            };
            match &self.end {
                None | Some((End::TimeLimit, _)) => {
                    ran.push(one);
                    self.keep(&ran);
                }
                Some((end, _)) => return Exit { end: end.clone(), ..exit },
            }
        }
        exit
    }

    /// Runs one check until nothing of it is left.
    fn run_check(&mut self, number: usize, command: &str) -> Ran {
        let began = clock::instant();
        let started = spawn::check(self.run, number);
        let (exit, tail) = match started {
            Ok(check) => {
                self.pid = check.id().cast_signed();
                self.child = Identity::of(self.pid).ok().flatten();
                self.ended = None;
                // Now, not in a second: if we are killed, whoever settles the run finds it here.
                self.record();
                self.reaper = Reaper::start();
                let exit = self.until_over();
                (exit, check::tail(&self.run.check_tail(number)))
            }
            Err(error) => (Exit::without_status(End::Exited), error.to_string()),
        };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let cut = (exit.end == End::TimeLimit).then_some(Cut::Ended);
        Ran { command: command.to_owned(), code: exit.code, signal: exit.signal, cut, ms, tail }
    }

    /// Writes down what came of the checks so far. A disk that is full must not keep the run from ending.
    fn keep(&self, ran: &[Ran]) {
        for _ in 0..TRIES {
            if self.run.write_checks(ran).is_ok() {
                return;
            }
            std::thread::sleep(clock::scaled(LIST));
        }
    }
}
