//! The program as a person starts it: with an environment that is the world's, its output read line by line.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use agentlab_platform::identity::{Identity, marked};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::World;

/// Everything that a world starts carries this in its environment.
const MARK: &str = "TEST_WORLD";

/// The processes of the world at `folder`.
pub(super) fn of_world(folder: &Path) -> Vec<Identity> {
    marked(&format!("{MARK}={}", folder.display())).unwrap_or_default()
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

/// A program that ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program with the environment of the world alone.
pub(crate) fn command(world: &World, arguments: &[&str]) -> Command {
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let mut command = Command::new(&world.program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("HOME", world.path("user"))
        .env("AGENTLAB_HOME", world.home())
        .env(MARK, world.folder.path())
        .env("AGENTLAB_TEST_TIME_SCALE", "0.3")
        .envs(world.env.iter().cloned())
        .current_dir(world.path("user"));
    command
}

impl World {
    /// Runs `agentlab` to its end with this on standard input.
    pub(crate) fn fed(&self, input: &[u8], arguments: &[&str]) -> Ended {
        let (read, mut write) = std::io::pipe().unwrap();
        // Less than a pipe holds.
        std::io::Write::write_all(&mut write, input).unwrap();
        drop(write);
        Running::begin(command(self, arguments).stdin(read)).end(super::LONG)
    }
}

impl Running {
    pub(super) fn start(world: &World, arguments: &[&str]) -> Self {
        Self::begin(command(world, arguments).stdin(Stdio::null()))
    }

    fn begin(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            gather(child.stdout.take().unwrap(), Arc::clone(&stdout)),
            gather(child.stderr.take().unwrap(), Arc::clone(&stderr)),
        ];
        Self { child, stdout, stderr, readers }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for a line of output that holds `needle`.
    pub(crate) fn wait_for_line(&mut self, needle: &str, limit: Duration) -> String {
        let started = Instant::now();
        loop {
            for lines in [&self.stdout, &self.stderr] {
                if let Some(line) = lines.lock().unwrap().iter().find(|line| line.contains(needle)) {
                    return line.clone();
                }
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < limit, "no {needle:?} ({ended:?}): {}", self.output());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Waits for the end.
    pub(crate) fn end(mut self, limit: Duration) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < limit, "it did not end within {limit:?}: {}", self.output());
            std::thread::park_timeout(Duration::from_millis(5));
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let text = |lines: &Arc<Mutex<Vec<String>>>| lines.lock().unwrap().join("\n");
        Ended { code: status.code(), stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }

    /// Stops it with Ctrl-C and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.end(super::LONG)
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        format!("{}\n{}", self.stdout.lock().unwrap().join("\n"), self.stderr.lock().unwrap().join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(from: impl std::io::Read + Send + 'static, to: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            to.lock().unwrap().push(line);
        }
    })
}
