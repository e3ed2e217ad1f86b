//! Isolation: which runs may share a directory. A *workspace* is the canonical path in which a run works.

use serde::{Deserialize, Serialize};

/// How the runs of a project share its directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// One run in the directory at a time.
    #[default]
    Exclusive,
    /// Runs in parallel in the same directory, at the user's own risk.
    None,
    /// A git worktree per chat or topic. Not available yet: the configuration refuses it.
    Worktree,
}

impl Isolation {
    /// Every isolation.
    pub const ALL: [Self; 3] = [Self::Exclusive, Self::None, Self::Worktree];

    /// The word used in the configuration and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::None => "none",
            Self::Worktree => "worktree",
        }
    }

    /// The isolation of a word, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isolation| isolation.as_str() == word)
    }
}
