//! A world of its own for each test: a home, a configuration, an empty user's home, a Bot API stand-in, and the real
//! program. A *world* ends with its test: everything it started is ended by identity, and nothing else.
//!
//! Waits are for conditions with a limit; nothing here sleeps for a fixed time and hopes.

mod browser;
mod disk;
mod giver;
mod look;
pub(crate) mod program;
mod roads;
mod scrape;
mod systemd;
mod terminal;
mod wal;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use agentlab_platform::identity::Identity;
use agentlab_stand_ins::BotApi;
use serde_json::Value;

pub(crate) use browser::Browser;
pub(crate) use disk::{Disk, Fault, Kill};
pub(crate) use giver::Giver;
pub(crate) use look::{Held, Look};
pub(crate) use program::{Ended, Running};
pub(crate) use roads::{Roads, SECRETS, SWITCH_PATH, logs};
pub(crate) use scrape::Scrape;
pub(crate) use systemd::UserManager;

/// How long anything may take on a slow machine.
pub(crate) const LONG: Duration = Duration::from_mins(1);
/// The person who may use the bot.
pub(crate) const ANN: i64 = 7001;

/// From so many percent on the disk is full.
pub(crate) const DISK_PERCENT: &str = "AGENTLAB_ALERTS__DISK_PERCENT";

/// One test's world.
pub(crate) struct World {
    folder: tempfile::TempDir,
    config: String,
    /// Environment for the program beside the world's own.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) port: u16,
    /// The executable that is started.
    pub(crate) program: PathBuf,
}

impl World {
    /// A world with an empty configuration.
    pub(crate) fn new() -> Self {
        // Short: sockets live in it.
        let folder = tempfile::Builder::new().prefix("al").tempdir_in("/tmp").unwrap();
        fs::create_dir_all(folder.path().join("user")).unwrap();
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        let port = free_port();
        let program = env!("CARGO_BIN_EXE_agentlab").into();
        // The disk of the machine that tests is no part of any story.
        let env = vec![(DISK_PERCENT.into(), "100".into())];
        let world = Self { folder, config: format!("[console]\nport = {port}\n"), env, port, program };
        world.write_config();
        world
    }

    /// What its shell sets, in its configuration instead: services do not see a shell.
    pub(crate) fn settle(&mut self) {
        self.env.retain(|(name, _)| name != DISK_PERCENT);
        self.configure("[alerts]\ndisk_percent = 100\n");
    }

    /// A world with a bot that Ann may use, rehearsing its tasks.
    pub(crate) fn with_bot(api: &BotApi) -> Self {
        let mut world = Self::new();
        world.configure(&format!(
            "[telegram]\ntoken = '{}'\napi_url = '{}'\nallowed_users = [{ANN}]\n",
            api.token(),
            api.url()
        ));
        world.rehearse();
        world
    }

    /// Configures the rehearsal as the agent: with a token nothing is rehearsed by itself.
    pub(crate) fn rehearse(&mut self) {
        let script = self.path("bin/rehearse.sh");
        let program = env!("CARGO_BIN_EXE_agentlab");
        write_script(&script, &format!("#!/bin/sh\nexec {program} rehearse \"$@\"\n"));
        self.configure(&format!("[agent]\ncommand = '{}'\n", script.display()));
    }

    /// Adds to the configuration.
    pub(crate) fn configure(&mut self, toml: &str) {
        self.config.push_str(toml);
        self.write_config();
    }

    fn write_config(&self) {
        fs::create_dir_all(self.home()).unwrap();
        fs::write(self.home().join("config.toml"), &self.config).unwrap();
    }

    /// A path in the world's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `AGENTLAB_HOME`.
    pub(crate) fn home(&self) -> PathBuf {
        self.path("h")
    }

    /// A directory for a project, made.
    pub(crate) fn project(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path.canonicalize().unwrap()
    }

    /// Starts `agentlab` with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self, arguments)
    }

    /// Runs `agentlab` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end(LONG)
    }

    /// Starts `up` and waits until it is ready.
    pub(crate) fn up(&self) -> Running {
        let mut up = self.start(&["up"]);
        up.wait_for_line("ready:", LONG);
        up
    }

    /// What the database answers.
    pub(crate) fn sql(&self, statement: &str) -> Vec<Value> {
        let ended = self.run(&["--json", "sql", statement]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// One number that the database answers.
    pub(crate) fn count(&self, statement: &str) -> i64 {
        self.sql(statement)[0].as_object().unwrap().values().next().unwrap().as_i64().unwrap()
    }

    /// The process at a post, as its row has it.
    pub(crate) fn pid(&self, role: &str, slot: i64) -> i32 {
        let statement = format!("SELECT pid FROM process WHERE role = '{role}' AND slot = {slot}");
        i32::try_from(self.count(&statement)).unwrap()
    }
}

impl World {
    /// Waits until the private system of an `ask` has ended, which it does by itself.
    pub(crate) fn wait_for_quiet(&self) {
        wait_until("nothing of this world lives", LONG, || self.living().is_empty());
    }

    /// Whatever carries this world's mark and lives.
    pub(crate) fn living(&self) -> Vec<Identity> {
        program::of_world(self.folder.path())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Supervisors first, so that nobody starts again what is ended; then whatever carries our mark.
        for _ in 0..50 {
            let living = program::of_world(self.folder.path());
            if living.is_empty() {
                return;
            }
            for process in living {
                agentlab_platform::spawn::signal(&process, agentlab_platform::spawn::Wish::Kill);
            }
            std::thread::yield_now();
        }
    }
}

/// Waits until `condition` holds; panics with `what` when the limit passes.
pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < limit, "waited {limit:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Writes an executable script.
pub(crate) fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Kills a process as `kill -9` does.
pub(crate) fn kill_9(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

/// How many of something are tried: `few`, or `many` under `just many`.
pub(crate) fn few_or_many(few: usize, many: usize) -> usize {
    if std::env::var("AGENTLAB_TEST_MANY").is_ok_and(|value| value == "1") { many } else { few }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
