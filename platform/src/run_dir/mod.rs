//! The run directory: everything about one run that must outlive worker and database connection alike. Worker and shim
//! talk through these files only.
//!
//! *Over* means that `exit.json` is there. It is written last (rule R9): output synced, then `exit.json` renamed into
//! place from a file whose space was taken beforehand, then the directory synced, so that a full disk cannot keep the
//! end of a run from being told.

pub mod keeper;
mod place;
mod remains;
pub(crate) mod rows;
mod settle;
mod spec;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use agentlab_domain::{check::Ran, outcome::Exit};
use fail::fail_point;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use place::Place;
pub use remains::{Remains, Spared};
pub use settle::settle;
pub use spec::Spec;

use crate::{home::Home, identity::Identity, lock};

/// The variable that marks every process of a run.
pub const MARK: &str = "AGENTLAB_RUN";
/// Bytes taken in advance for `exit.json`.
const EXIT_SIZE: usize = 4096;
/// Bytes of a check's output that are looked at.
const CHECK_TAIL: u64 = 16 * 1024;

/// Somebody wants the run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub by: String,
}

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The directory of run `id`; it may not be there yet.
    pub fn of(home: &Home, id: &str) -> Self {
        Self(home.runs().join(id))
    }

    /// The directory at `path`.
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes the directory if it is not there.
    pub fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
    /// Held by the shim for life.
    pub fn run_lock(&self) -> PathBuf {
        self.0.join("run.lock")
    }
    /// Held by the agent for life.
    pub fn child_lock(&self) -> PathBuf {
        self.0.join("child.lock")
    }
    /// The agent's standard output.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }
    /// The agent's standard error.
    pub fn stderr(&self) -> PathBuf {
        self.0.join("stderr.txt")
    }
    /// The agent's standard input.
    pub fn prompt(&self) -> PathBuf {
        self.0.join("prompt.txt")
    }
    /// What the agent is told beside its task, as it stood when the run began.
    pub fn instructions(&self) -> PathBuf {
        self.0.join("instructions.md")
    }
    /// Git hooks for the agent, where the project has checks.
    pub fn hooks(&self) -> PathBuf {
        self.0.join("hooks")
    }
    /// The output of the check of this number.
    pub fn check_output(&self, number: usize) -> PathBuf {
        self.0.join("checks").join(format!("{number}.txt"))
    }

    /// Whether the shim lives or may yet start.
    pub fn lock_held(&self) -> io::Result<bool> {
        lock::is_held(&self.run_lock())
    }

    /// Keeps the instructions of this run.
    pub fn write_instructions(&self, text: &str) -> io::Result<()> {
        write(&self.instructions(), text.as_bytes())
    }

    /// Records the agent before it may start (rule R4).
    pub fn write_child(&self, child: &Identity) -> io::Result<()> {
        write(&self.0.join("child.json"), &serde_json::to_vec(child)?)
    }

    /// The agent, if it was recorded.
    pub fn child(&self) -> io::Result<Option<Identity>> {
        read(&self.0.join("child.json"))
    }

    /// Records the agent's descendants, so that they can be found when the shim is gone.
    pub fn write_family(&self, family: &[Identity]) -> io::Result<()> {
        write(&self.0.join("family.json"), &serde_json::to_vec(family)?)
    }

    /// The recorded descendants.
    pub fn family(&self) -> io::Result<Vec<Identity>> {
        Ok(read(&self.0.join("family.json"))?.unwrap_or_default())
    }

    /// Notes why the agent could not be started.
    pub fn write_refusal(&self, why: &str) -> io::Result<()> {
        write(&self.0.join("refusal.json"), &serde_json::to_vec(why)?)
    }

    /// Why the agent could not be started, if it could not.
    pub fn refusal(&self) -> io::Result<Option<String>> {
        read(&self.0.join("refusal.json"))
    }

    /// Notes that something of the run outlived its shim and is ended for that.
    pub fn note_unkept(&self) -> io::Result<()> {
        write(&self.0.join("unkept.json"), b"true")
    }

    /// Whether something of the run outlived its shim.
    pub fn is_unkept(&self) -> bool {
        self.0.join("unkept.json").exists()
    }

    /// Asks the shim to stop the run; it obeys without any worker (rule R8). The first to ask is the one named.
    pub fn request_stop(&self, by: &str) -> io::Result<()> {
        self.create()?;
        if self.stop()?.is_some() {
            return Ok(());
        }
        write(&self.0.join("stop.json"), &serde_json::to_vec(&Stop { by: by.to_owned() })?)
    }

    /// Who asked for the run to stop.
    pub fn stop(&self) -> io::Result<Option<Stop>> {
        read(&self.0.join("stop.json"))
    }

    /// Records the checks that ran so far. `write_exit` makes the name of the file durable too.
    pub fn write_checks(&self, ran: &[Ran]) -> io::Result<()> {
        write(&self.0.join("checks.json"), &serde_json::to_vec_pretty(ran)?)
    }

    /// The checks that ran; empty when none did.
    pub fn checks(&self) -> io::Result<Vec<Ran>> {
        Ok(read(&self.0.join("checks.json"))?.unwrap_or_default())
    }

    /// The end of what a check wrote; empty when that cannot be read.
    pub fn check_tail(&self, number: usize) -> String {
        let tail = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.check_output(number))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(CHECK_TAIL)))?;
            let mut bytes = Vec::new();
            file.take(CHECK_TAIL).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&tail().unwrap_or_default()).into_owned()
    }

    /// How the run ended; `None` while it is not over.
    pub fn exit(&self) -> io::Result<Option<Exit>> {
        read(&self.0.join("exit.json"))
    }

    /// Takes the space for `exit.json`, while there is some.
    pub fn reserve_exit(&self) -> io::Result<()> {
        write_in_place(&self.0.join("exit.new"), &[b' '; EXIT_SIZE])
    }

    /// Ends the run in writing.
    pub fn write_exit(&self, exit: &Exit) -> io::Result<()> {
        for output in [self.events(), self.stderr()] {
            match File::open(&output) {
                Ok(file) => file.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        fail_point!("exit-synced");
        let mut bytes = serde_json::to_vec(exit)?;
        bytes.resize(bytes.len().max(EXIT_SIZE), b' ');
        let new = self.0.join("exit.new");
        write_in_place(&new, &bytes)?;
        fail_point!("exit-written");
        fs::rename(&new, self.0.join("exit.json"))?;
        fail_point!("exit-renamed");
        File::open(&self.0)?.sync_all()
    }
}

fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file so that it is there whole or not at all, also after a power cut.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Several processes may write the same file (a stop request): each through a file of its own.
    let new = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&new, path)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use agentlab_domain::outcome::End;

    use super::*;

    #[test]
    fn a_run_is_over_only_by_its_exit_file_and_the_first_stop_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::at(folder.path().join("r"));
        assert_eq!(run.exit().unwrap_or(None), None);
        run.create().unwrap();
        run.reserve_exit().unwrap();
        assert_eq!(run.exit().unwrap(), None, "a reservation is no end");
        run.request_stop("Ann").unwrap();
        run.request_stop("Bob").unwrap();
        assert_eq!(run.stop().unwrap().unwrap().by, "Ann");
        let exit = Exit { signal: Some(9), ..Exit::without_status(End::Stopped { by: "Ann".into() }) };
        run.write_exit(&exit).unwrap();
        assert_eq!(run.exit().unwrap(), Some(exit));
    }
}
