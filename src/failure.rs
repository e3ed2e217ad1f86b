//! How a verb fails: a line for the person, and an exit code.

use agentlab_domain::exit_code;
use agentlab_platform::{config::ConfigError, db::DbError, home::HomeError, life::Refusal, moving::MovingError};

/// A verb that did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// With its own exit code.
    Refused(Refusal),
    /// With exit code 1.
    Failed(anyhow::Error),
}

impl Failure {
    /// A failure in these words, with exit code 1.
    pub fn words(words: impl Into<String>) -> Self {
        Self::Failed(anyhow::anyhow!(words.into()))
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Failed(_) => exit_code::FAILED,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Refused(error.into())
    }
}
impl From<MovingError> for Failure {
    fn from(error: MovingError) -> Self {
        match error {
            MovingError::Db(error) => error.into(),
            error @ (MovingError::File { .. }
            | MovingError::NotWhole(_)
            | MovingError::Refused(_)
            | MovingError::HasWorked { .. }) => Self::Failed(error.into()),
        }
    }
}
impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::Refused(error.into())
    }
}
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Refused(error.into())
    }
}
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.into())
    }
}
