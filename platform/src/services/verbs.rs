//! What a service manager is asked to do, and the calls of its command for it. Each may be asked twice without harm.

use std::{collections::BTreeMap, time::Duration};

use agentlab_domain::role::Post;

use super::{Kind, Manager, State, Trouble, launchd, state, systemd};
use crate::clock;

/// How long launchd may take to end what it is told to end: longer than `basis::STOP`.
const GONE: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

impl Manager {
    /// Whether it answers at all.
    pub async fn answers(&self) -> Result<(), Trouble> {
        let said = match self.kind {
            Kind::Systemd => self.ask(&["--user", "show-environment"]).await?,
            Kind::Launchd => self.ask(&["print", &launchd::domain(self.user)]).await?,
        };
        said.well().map(drop)
    }

    /// The environment in which it starts a post: its own, and what the unit says over it.
    pub async fn environment(&self, post: Post) -> Result<Vec<(String, String)>, Trouble> {
        let mut all: BTreeMap<String, String> = match self.kind {
            Kind::Systemd => {
                let said = self.ask(&["--user", "show-environment"]).await?.well()?;
                said.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
            }
            // It gives its services what a login has, and nothing of a shell's.
            Kind::Launchd => ["HOME", "USER", "LOGNAME", "TMPDIR", "SHELL"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
                .collect(),
        };
        for name in ["PATH", "AGENTLAB_HOME"] {
            all.extend(self.variable(post, name).map(|value| (name.to_owned(), value)));
        }
        Ok(all.into_iter().collect())
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
    pub(super) async fn disable(&self, post: Post) -> Result<(), Trouble> {
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
    pub(super) async fn enable_target(&self) -> Result<(), Trouble> {
        let link = self.folder.join("default.target.wants").join(systemd::TARGET);
        if link.exists() {
            return Ok(());
        }
        self.ask(&["--user", "enable", "--quiet", systemd::TARGET]).await?.well().map(drop)
    }

    pub(super) async fn disable_target(&self) -> Result<(), Trouble> {
        if !self.folder.join(systemd::TARGET).exists() {
            return Ok(());
        }
        self.ask_long(&["--user", "stop", systemd::TARGET]).await?.well()?;
        self.ask(&["--user", "disable", "--quiet", systemd::TARGET]).await?.well().map(drop)
    }

    /// Has it read what changed in its folder.
    pub(super) async fn reread(&self) -> Result<(), Trouble> {
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
