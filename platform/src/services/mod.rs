//! Service managers behind one seam: systemd's user manager and launchd. A *manager* is asked about posts and answers in the same
//! words whichever it is; which one is a value, so that both can be tried on one system.
//!
//! It starts and keeps; what is to be started is decided by the supervisor, as where it starts its daemons itself.

pub mod basis;
mod command;
pub mod launchd;
pub mod linger;
pub mod reconcile;
pub mod search_path;
pub mod state;
pub mod systemd;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use agentlab_domain::role::{Post, Role};

pub use basis::Basis;
pub use command::Trouble;
pub use state::State;

use crate::{clock, home::Home, kept};

/// The post that keeps the others.
pub const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };

/// How long launchd may take to end what it is told to end: longer than `basis::STOP`.
const GONE: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Which service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// systemd, the manager of this user.
    Systemd,
    /// launchd, the domain of this user's session.
    Launchd,
}

impl Kind {
    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
        }
    }
}

/// A service manager.
#[derive(Debug, Clone)]
pub struct Manager {
    pub kind: Kind,
    /// `systemctl` or `launchctl`.
    program: PathBuf,
    /// Where it finds units of this user.
    folder: PathBuf,
    user: u32,
}

impl Manager {
    /// The manager of this machine; `None` where the user has no home directory, so that it could find no unit.
    pub fn of_this_machine() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = variable("HOME")?;
        Some(if cfg!(target_os = "macos") {
            Self::at(Kind::Launchd, "launchctl".into(), user.join("Library/LaunchAgents"))
        } else {
            let config = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
            let config = config.unwrap_or_else(|| user.join(".config"));
            Self::at(Kind::Systemd, "systemctl".into(), config.join("systemd/user"))
        })
    }

    /// A manager of this kind that is asked with this program and finds units in this folder.
    pub fn at(kind: Kind, program: PathBuf, folder: PathBuf) -> Self {
        Self { kind, program, folder, user: nix::unistd::getuid().as_raw() }
    }

    /// The manager that keeps this very process and has units for this home. Somebody's own unit that starts `agentlab up` is none:
    /// it knows no posts.
    pub fn of_us(home: &Home) -> Option<Self> {
        kept::by()?;
        Self::of_this_machine().filter(|manager| manager.home_of(SUPERVISOR).as_deref() == Some(home.path()))
    }

    /// Where units are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name under which it knows a post.
    pub fn name(&self, post: Post) -> String {
        match self.kind {
            Kind::Systemd => systemd::name(post),
            Kind::Launchd => launchd::label(post),
        }
    }

    /// The file of a post's unit. Under systemd all workers have one.
    pub fn file(&self, post: Post) -> PathBuf {
        self.folder.join(match self.kind {
            Kind::Systemd => systemd::file(post),
            Kind::Launchd => format!("{}.plist", launchd::label(post)),
        })
    }

    /// What that file is to hold.
    pub fn text(&self, basis: &Basis, post: Post) -> String {
        match self.kind {
            Kind::Systemd => systemd::text(basis, post),
            Kind::Launchd => launchd::text(basis, post),
        }
    }

    /// For which home the unit of a post was written.
    pub fn home_of(&self, post: Post) -> Option<PathBuf> {
        let text = std::fs::read_to_string(self.file(post)).ok()?;
        match self.kind {
            Kind::Systemd => systemd::home(&text),
            Kind::Launchd => launchd::home(&text),
        }
    }

    /// Whether it answers at all.
    pub async fn answers(&self) -> Result<(), Trouble> {
        let said = match self.kind {
            Kind::Systemd => self.ask(&["--user", "show-environment"]).await?,
            Kind::Launchd => self.ask(&["print", &launchd::domain(self.user)]).await?,
        };
        said.well().map(drop)
    }

    /// How a post stands with it.
    pub async fn state(&self, post: Post) -> Result<State, Trouble> {
        let name = self.name(post);
        match self.kind {
            Kind::Systemd => {
                let mut words = vec!["--user", "show", &name];
                words.extend(state::PROPERTIES.iter().flat_map(|property| ["-p", property]));
                let said = self.ask(&words).await?.well()?;
                Ok(State::of_systemd(&said))
            }
            Kind::Launchd => {
                let said = self.ask(&["print", &launchd::target(self.user, post)]).await?;
                // It fails for what is not loaded; a manager that does not answer is found out by what follows.
                Ok(said.well().map(|said| State::of_launchd(&said)).unwrap_or_default())
            }
        }
    }

    /// Has it start a post, if nobody runs there. It is not waited for.
    pub async fn start(&self, post: Post) -> Result<(), Trouble> {
        let before = self.state(post).await?;
        match self.kind {
            Kind::Systemd => {
                // While it waits for its own restart it takes `start` for done; nobody runs then, so nobody is ended by this.
                let verb = if before.retries { "restart" } else { "start" };
                self.ask(&["--user", verb, "--no-block", &self.name(post)]).await?.well().map(drop)
            }
            Kind::Launchd => {
                if !before.loaded {
                    self.load(post).await?;
                }
                match self.ask(&["kickstart", &launchd::target(self.user, post)]).await?.well() {
                    Ok(_) => Ok(()),
                    Err(trouble) => {
                        if self.state(post).await?.pid.is_some() {
                            Ok(())
                        } else {
                            Err(trouble)
                        }
                    }
                }
            }
        }
    }

    /// Has it start all of these. They are not waited for.
    pub async fn start_all(&self, posts: &[Post]) -> Result<(), Trouble> {
        if self.kind == Kind::Systemd {
            self.ask(&["--user", "start", "--no-block", systemd::TARGET]).await?.well()?;
        }
        for post in posts {
            self.start(*post).await?;
        }
        Ok(())
    }

    /// Has it end whoever is at a post and start a successor. It is not waited for.
    pub async fn restart(&self, post: Post) -> Result<(), Trouble> {
        match self.kind {
            Kind::Systemd => self.ask(&["--user", "restart", "--no-block", &self.name(post)]).await?.well().map(drop),
            Kind::Launchd => {
                // What was loaded is what the file held then.
                self.stop(post).await?;
                self.load(post).await
            }
        }
    }

    /// Has it end whoever is at a post and start nobody; waits for the end, for a time.
    pub async fn stop(&self, post: Post) -> Result<(), Trouble> {
        match self.kind {
            Kind::Systemd => self.ask_long(&["--user", "stop", &self.name(post)]).await?.well().map(drop),
            Kind::Launchd => {
                let said = self.ask_long(&["bootout", &launchd::target(self.user, post)]).await?.well();
                // It comes back before the process has ended, and says no where nothing was loaded.
                let began = clock::instant();
                while self.state(post).await?.loaded {
                    if began.elapsed() > clock::scaled(GONE) {
                        let words = format!("{} was told to end, and is still there", launchd::label(post));
                        return Err(said.err().unwrap_or(Trouble::Unit(words)));
                    }
                    tokio::time::sleep(LOOK).await;
                }
                Ok(())
            }
        }
    }

    /// Has it start a post with the session of the user, from now on.
    pub async fn enable(&self, post: Post) -> Result<(), Trouble> {
        match self.kind {
            Kind::Systemd => self.ask(&["--user", "enable", "--quiet", &self.name(post)]).await?.well().map(drop),
            // A person may have disabled it.
            Kind::Launchd => self.ask(&["enable", &launchd::target(self.user, post)]).await?.well().map(drop),
        }
    }

    /// Has it forget a post: it is not started any more. Whoever is there has been ended before.
    async fn disable(&self, post: Post) -> Result<(), Trouble> {
        match self.kind {
            Kind::Systemd => {
                self.ask(&["--user", "disable", "--quiet", &self.name(post)]).await?.well()?;
                // What it remembers of a failure; it says no where there is nothing.
                let _ = self.ask(&["--user", "reset-failed", &self.name(post)]).await?;
                Ok(())
            }
            Kind::Launchd => self.stop(post).await,
        }
    }

    /// systemd alone: what starts and stops all of them together.
    async fn enable_target(&self) -> Result<(), Trouble> {
        let link = self.folder.join("default.target.wants").join(systemd::TARGET);
        if link.exists() {
            return Ok(());
        }
        self.ask(&["--user", "enable", "--quiet", systemd::TARGET]).await?.well().map(drop)
    }

    async fn disable_target(&self) -> Result<(), Trouble> {
        if !self.folder.join(systemd::TARGET).exists() {
            return Ok(());
        }
        self.ask_long(&["--user", "stop", systemd::TARGET]).await?.well()?;
        self.ask(&["--user", "disable", "--quiet", systemd::TARGET]).await?.well().map(drop)
    }

    /// Has it read what changed in its folder.
    async fn reread(&self) -> Result<(), Trouble> {
        match self.kind {
            Kind::Systemd => self.ask(&["--user", "daemon-reload"]).await?.well().map(drop),
            Kind::Launchd => Ok(()),
        }
    }

    /// launchd alone: has it know the unit.
    async fn load(&self, post: Post) -> Result<(), Trouble> {
        let (domain, file) = (launchd::domain(self.user), self.file(post));
        let said = self.ask(&["bootstrap", &domain, &file.to_string_lossy()]).await?;
        match said.well() {
            Ok(_) => Ok(()),
            // It says no to what it knows already.
            Err(trouble) => {
                if self.state(post).await?.loaded {
                    Ok(())
                } else {
                    Err(trouble)
                }
            }
        }
    }
}
