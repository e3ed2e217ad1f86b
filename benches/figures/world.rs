//! What a figure is measured in: a folder of its own with a home, and the real program started in it. A *world* ends
//! with its value: every process that carries its mark is ended by identity, and nothing else is touched.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use agentlab_platform::{
    home::Home,
    identity::{Identity, marked},
    spawn::{self, Wish},
};
use agentlab_stand_ins::BotApi;
use anyhow::{Context, bail};

/// The program that is measured.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_agentlab");
/// Everything that a world starts carries this in its environment.
const MARK: &str = "FIGURES_WORLD";
/// The person who may use the bot.
pub(crate) const ANN: i64 = 7001;
/// How long anything may take on any machine.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Runs async work on one thread, as the roles do.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// A folder with a short path (sockets live in it), on the disk that TMPDIR names.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("al").tempdir()?)
}

/// One figure's world.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A home with a bot that Ann may use and an agent that is this program.
    pub(crate) fn with_bot(api: &BotApi) -> anyhow::Result<Self> {
        let world = Self { folder: folder()? };
        fs::create_dir_all(world.path("user"))?;
        fs::create_dir_all(world.path("h"))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = format!(
            "[console]\nport = {port}\n\
             [telegram]\ntoken = '{}'\napi_url = '{}'\nallowed_users = [{ANN}]\n\
             [rate]\nper_minute = 100000\nper_hour = 100000\n\
             [agent]\ncommand = '{}'\n[agent.env]\n{} = 'agent'\n{} = '{}'\n",
            api.token(),
            api.url(),
            std::env::current_exe()?.display(),
            crate::PART,
            crate::report::VARIABLE,
            world.path("report").display(),
        );
        fs::write(world.path("h/config.toml"), config)?;
        Ok(world)
    }

    /// A home without a bot; its tasks are rehearsed, since there is no agent on its path.
    pub(crate) fn with_console() -> anyhow::Result<Self> {
        let world = Self { folder: folder()? };
        fs::create_dir_all(world.path("user"))?;
        fs::create_dir_all(world.path("h"))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::write(world.path("h/config.toml"), format!("[console]\nport = {port}\n"))?;
        Ok(world)
    }

    /// A home in which nothing runs.
    pub(crate) fn empty() -> anyhow::Result<Self> {
        Ok(Self { folder: folder()? })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> anyhow::Result<Home> {
        Ok(Home::at(self.path("h"))?)
    }

    /// Every living process of this world.
    pub(crate) fn processes(&self) -> anyhow::Result<Vec<Identity>> {
        Ok(marked(&format!("{MARK}={}", self.folder.path().display()))?)
    }

    /// `agentlab` from this file, in this world.
    fn agentlab(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("user"))
            .env("AGENTLAB_HOME", self.path("h"))
            .env(MARK, self.folder.path())
            .current_dir(self.path("user"))
            .stdin(Stdio::null());
        command
    }

    /// Starts one role by itself, without a supervisor.
    pub(crate) fn role(&self, arguments: &[&str]) -> anyhow::Result<Part> {
        let mut command = self.agentlab(Path::new(PROGRAM), arguments);
        Ok(Part(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Starts `agentlab up` and waits for its `ready:` line.
    pub(crate) fn up(&self) -> anyhow::Result<Up> {
        self.up_from(Path::new(PROGRAM), &[])
    }

    /// The same from this file, with these variables in its environment.
    pub(crate) fn up_from(&self, program: &Path, environment: &[(&str, PathBuf)]) -> anyhow::Result<Up> {
        let mut child = self
            .agentlab(program, &["up"])
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.path("stderr"))?)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("ready:"));
        if !ready {
            child.wait()?;
            bail!("`up` did not start: {}", fs::read_to_string(self.path("stderr"))?);
        }
        Ok(Up { child, _output: Box::new(lines) })
    }

    /// Starts this program in another part and waits until it says that it began.
    pub(crate) fn part(&self, part: &str, environment: &[(&str, PathBuf)]) -> anyhow::Result<Part> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(crate::PART, part)
            .env(MARK, self.folder.path())
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut byte = [0_u8; 1];
        child.stdout.as_mut().context("no standard output")?.read_exact(&mut byte)?;
        Ok(Part(child))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Again and again: a supervisor may have started something between the look and its own end.
        for _ in 0..50 {
            let living = self.processes().unwrap_or_default();
            if living.is_empty() {
                return;
            }
            for process in living {
                spawn::signal(&process, Wish::Kill);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A system that runs in the foreground.
pub(crate) struct Up {
    child: Child,
    /// Kept open: the program may still write to it.
    _output: Box<dyn Iterator<Item = std::io::Result<String>>>,
}

impl Up {
    /// Stops it and waits for its end.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let identity = Identity::of(self.child.id().cast_signed())?.context("`up` has ended by itself")?;
        spawn::signal(&identity, Wish::End);
        self.child.wait()?;
        Ok(())
    }
}

/// This program in another part; it ends with its value.
pub(crate) struct Part(Child);

impl Part {
    pub(crate) fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// For a part: what its parent waits for.
pub(crate) fn say_that_it_began() {
    let mut out = std::io::stdout();
    let _ = out.write_all(b"1").and_then(|()| out.flush());
}

/// For a part: its standard input closes when its parent is gone, and then it has nothing to do here.
pub(crate) fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0_u8; 1]);
        std::process::exit(0);
    });
}
