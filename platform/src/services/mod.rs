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
mod verbs;

use std::path::{Path, PathBuf};

use agentlab_domain::role::{Post, Role};

pub use basis::Basis;
pub use command::Trouble;
pub use state::State;

use crate::{home::Home, kept};

/// The post that keeps the others.
pub const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };

/// What starts the system of this home, for people.
pub fn what_starts(home: &Home) -> &'static str {
    let installed = Manager::of_this_machine().and_then(|manager| manager.home_of(SUPERVISOR));
    if installed.as_deref() == Some(home.path()) { "`agentlab service install`" } else { "`agentlab up`" }
}

/// The service manager that starts the system of this home again, though nobody may be there at this moment: its units are
/// installed, and it answers.
pub async fn keeps(home: &Home) -> Option<Manager> {
    let manager = Manager::of_this_machine()?;
    if manager.home_of(SUPERVISOR).as_deref() != Some(home.path()) {
        return None;
    }
    let answer = manager.answers().await;
    answer.inspect_err(|trouble| tracing::info!(%trouble, "services are installed, and nobody keeps them")).ok()?;
    Some(manager)
}

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
        self.home_in(&text)
    }

    /// For which home a unit was written.
    fn home_in(&self, text: &str) -> Option<PathBuf> {
        let home = match self.kind {
            Kind::Systemd => systemd::variable(text, "AGENTLAB_HOME"),
            Kind::Launchd => launchd::variable(text, "AGENTLAB_HOME"),
        };
        home.map(PathBuf::from)
    }

    /// The PATH that the unit of a post gives.
    pub fn path_of(&self, post: Post) -> Option<String> {
        self.variable(post, "PATH")
    }

    /// What stands in its unit for this variable.
    fn variable(&self, post: Post, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.file(post)).ok()?;
        match self.kind {
            Kind::Systemd => systemd::variable(&text, name),
            Kind::Launchd => launchd::variable(&text, name),
        }
    }
}
