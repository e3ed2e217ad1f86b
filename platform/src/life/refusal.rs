//! Why a process does not start, and the exit code that says so.

use std::{io, path::Path};

use agentlab_domain::{
    exit_code,
    role::{Post, Role},
};

use crate::{agent::AgentMissing, config::ConfigError, db::DbError, home::HomeError};

/// Why a process does not start: one line, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: u8,
    pub message: String,
}

impl Refusal {
    /// A part that is needed is unavailable.
    pub fn unavailable(message: impl ToString) -> Self {
        Self { code: exit_code::UNAVAILABLE, message: message.to_string() }
    }
    /// Something in `run/` is in the way. No refusal to its supervisor, which may put it right and start again; nobody puts
    /// anything right for a supervisor.
    pub fn in_the_way(post: Post, path: &Path, error: &io::Error) -> Self {
        let message = format!("{}: {error}", path.display());
        match post.role {
            Role::Supervisor => Self::unavailable(message),
            Role::Bot | Role::Worker | Role::Console => Self { code: exit_code::FAILED, message },
        }
    }
    /// The configuration is wrong.
    pub fn configuration(message: impl ToString) -> Self {
        Self { code: exit_code::CONFIGURATION, message: message.to_string() }
    }
}

impl From<HomeError> for Refusal {
    fn from(error: HomeError) -> Self {
        Self::configuration(error)
    }
}
impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error)
    }
}
impl From<AgentMissing> for Refusal {
    fn from(error: AgentMissing) -> Self {
        Self::unavailable(error)
    }
}
impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        let code = match &error {
            DbError::Newer { .. } => exit_code::CONFIGURATION,
            DbError::SetAside
            | DbError::Busy { .. }
            | DbError::File { .. }
            | DbError::Migrate(_)
            | DbError::NoBackup { .. }
            | DbError::Queue(_)
            | DbError::Json(_)
            | DbError::Illegal(_)
            | DbError::Disk(_)
            | DbError::NotAQuestion
            | DbError::NoRoom(_)
            | DbError::Damaged(_)
            | DbError::Gone { .. }
            | DbError::Beyond { .. }
            | DbError::NotWhole(_)
            | DbError::Replaced { .. }
            | DbError::Sql(_) => exit_code::UNAVAILABLE,
        };
        Self { code, message: error.to_string() }
    }
}
