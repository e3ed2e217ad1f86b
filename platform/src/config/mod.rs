//! The configuration: `$AGENTLAB_HOME/config.toml`, with `AGENTLAB_SECTION__KEY` from the environment over it.
//!
//! A *secret* is wrapped from the parser on (`SecretString`): it cannot be printed by accident. Unknown keys are
//! refused, since a misspelt limit is no limit.

mod alerts;
mod backup;
mod explain;
mod load;
mod report;
mod retention;
mod suggest;

use std::{collections::BTreeMap, path::PathBuf};

use agentlab_domain::{budget, isolation::Isolation, rate::Limits};
use secrecy::SecretString;
use serde::Deserialize;

pub use alerts::{Alerts, Email, Sms, Webhook};
pub use backup::Backup;
pub use load::{ConfigError, load, variables};
pub use report::Report;
pub use retention::{Disk, Retention};

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub telegram: Telegram,
    pub agent: Agent,
    pub projects: BTreeMap<String, Project>,
    pub workers: Workers,
    pub console: Console,
    pub retry: Retry,
    pub budget: Budget,
    /// SHA-256 of everything that this was read from; two processes with the same one agree.
    #[serde(skip)]
    fingerprint: String,
    pub rate: Rate,
    pub recovery: Recovery,
    pub alerts: Alerts,
    pub backup: Backup,
    pub report: Report,
    pub retention: Retention,
    pub disk: Disk,
}

/// `[recovery]`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// Whether a program that is not ours and keeps the database locked for over a minute is ended, instead of named.
    pub kill_foreign_holders: bool,
    /// Whether a release that had proved itself is left too when it comes under suspicion and something does not start.
    pub auto_revert: bool,
}

/// `[telegram]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telegram {
    /// From @`BotFather`. Without one the bot is off.
    pub token: Option<SecretString>,
    /// A file that holds the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// The Bot API server.
    pub api_url: String,
    /// Telegram user ids that may use the bot. Nobody else causes any effect.
    pub allowed_users: Vec<i64>,
    /// Who is told what concerns the whole system; by default the first allowed user.
    pub owner: Option<i64>,
}

impl Default for Telegram {
    fn default() -> Self {
        Self {
            token: None,
            token_file: None,
            api_url: "https://api.telegram.org".into(),
            allowed_users: Vec::new(),
            owner: None,
        }
    }
}

/// `[agent]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// The program; by default `claude`, found on PATH.
    pub command: Option<PathBuf>,
    /// Arguments added to ours.
    pub args: Vec<String>,
    /// Environment for the agent alone.
    pub env: BTreeMap<String, SecretString>,
    pub model: Option<String>,
    pub permission_mode: String,
    /// A run is stopped after this many minutes.
    pub max_run_minutes: u64,
    /// A run that writes nothing for this many minutes is stopped.
    pub no_progress_minutes: u64,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            command: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            model: None,
            permission_mode: "acceptEdits".into(),
            max_run_minutes: 120,
            no_progress_minutes: 30,
        }
    }
}

/// `[projects.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    pub path: PathBuf,
    #[serde(default)]
    pub isolation: Isolation,
    /// What must pass after an agent's work, for `/bin/sh`.
    #[serde(default)]
    pub checks: Vec<String>,
}

/// `[workers]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workers {
    /// How many tasks run at the same time.
    pub count: u32,
}

impl Default for Workers {
    fn default() -> Self {
        Self { count: 3 }
    }
}

/// `[console]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// The port on 127.0.0.1.
    pub port: u16,
}

impl Default for Console {
    fn default() -> Self {
        Self { port: 8080 }
    }
}

/// `[retry]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Runs of one job in all.
    pub max_attempts: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3 }
    }
}

/// `[budget]`: US dollars; without a key there is no limit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// All runs of one task.
    pub task_usd: Option<f64>,
    /// One person's runs of a day.
    pub user_daily_usd: Option<f64>,
    /// Everybody's runs of a day.
    pub daily_usd: Option<f64>,
    /// Everybody's runs of a month.
    pub monthly_usd: Option<f64>,
}

impl Budget {
    /// The limits in millionths of a dollar.
    pub fn limits(&self) -> budget::Limits {
        #[expect(clippy::cast_possible_truncation, reason = "checked when it was loaded")]
        let micro = |usd: Option<f64>| usd.map(|usd| (usd * 1_000_000.0).round() as i64);
        budget::Limits {
            job: micro(self.task_usd),
            user_day: micro(self.user_daily_usd),
            day: micro(self.daily_usd),
            month: micro(self.monthly_usd),
        }
    }
}

/// `[rate]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Tasks and ordinary commands that are taken from one Telegram user in a minute.
    pub per_minute: u32,
    /// The same in an hour.
    pub per_hour: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_minute: 30, per_hour: 500 }
    }
}

/// A directory in which jobs work, and under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub project: String,
    pub path: PathBuf,
    pub isolation: Isolation,
}

impl Config {
    /// How much is taken from one Telegram user.
    pub const fn limits(&self) -> Limits {
        Limits { per_minute: self.rate.per_minute, per_hour: self.rate.per_hour }
    }

    /// Where a chat works: the only configured project, else the workspace in the home.
    pub fn chat_place(&self, workspace: PathBuf) -> Place {
        let mut projects = self.projects.iter();
        match (projects.next(), projects.next()) {
            (Some((name, project)), None) => Self::place(name, project),
            (None, _) | (Some(_), Some(_)) => {
                Place { project: "workspace".into(), path: workspace, isolation: Isolation::Exclusive }
            }
        }
    }

    /// The configured project of that name.
    pub fn project_place(&self, name: &str) -> Option<Place> {
        self.projects.get(name).map(|project| Self::place(name, project))
    }

    /// The checks of the project of that name, for work in `workspace`. A directory that no project names may bear the name
    /// of one; only where the path is the project's too are its checks meant.
    pub fn checks(&self, project: &str, workspace: &std::path::Path) -> &[String] {
        let canonical = |path: &std::path::Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        match self.projects.get(project) {
            Some(named) if named.isolation == Isolation::Worktree || canonical(&named.path) == canonical(workspace) => {
                &named.checks
            }
            Some(_) | None => &[],
        }
    }

    /// The name of the configured project nearest to a misspelt one.
    pub fn nearest_project(&self, name: &str) -> Option<String> {
        suggest::nearest(name, self.projects.keys().map(String::as_str))
    }

    /// The place of a directory that is not named by a project: a project with this very path, else its own name.
    pub fn directory_place(&self, directory: &std::path::Path) -> Place {
        let named = self
            .projects
            .iter()
            .find(|(_, project)| std::fs::canonicalize(&project.path).is_ok_and(|path| path == directory));
        match named {
            Some((name, project)) => Self::place(name, project),
            None => Place {
                project: directory.file_name().map_or_else(|| "/".into(), |name| name.to_string_lossy().into_owned()),
                path: directory.to_path_buf(),
                isolation: Isolation::Exclusive,
            },
        }
    }

    fn place(name: &str, project: &Project) -> Place {
        Place { project: name.to_owned(), path: project.path.clone(), isolation: project.isolation }
    }

    /// Who is told what concerns the whole system.
    pub fn owner(&self) -> Option<i64> {
        self.telegram.token.as_ref()?;
        self.telegram.owner.or(self.telegram.allowed_users.first().copied())
    }

    /// SHA-256 of everything that this was read from.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Every secret, for the redaction of logs and the cleaning of a child's environment.
    pub fn secrets(&self) -> Vec<SecretString> {
        self.telegram.token.iter().chain(self.agent.env.values()).cloned().chain(self.alerts.secrets()).collect()
    }
}
