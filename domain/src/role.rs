//! Roles: what one long-lived process does. A *slot* tells workers apart; every other role has slot 0.
//!
//! A role names work, not a process: the process that fills it changes with each restart.

use serde::{Deserialize, Serialize};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Telegram: updates in, outbox out.
    Bot,
    /// Claims jobs and runs them.
    Worker,
    /// Keeps the others alive.
    Supervisor,
    /// HTTP on loopback.
    Console,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Bot, Self::Worker, Self::Supervisor, Self::Console];

    /// The word used on the command line, in rows and in file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Worker => "worker",
            Self::Supervisor => "supervisor",
            Self::Console => "console",
        }
    }

    /// The role of a word, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// One place to be filled by one process: a role and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Post {
    pub role: Role,
    /// Workers count from 1; every other role is 0.
    pub slot: u32,
}

impl Post {
    /// The post of a word, as `Display` writes it.
    pub fn parse(word: &str) -> Option<Self> {
        match word.split_once('-') {
            None => Role::parse(word).filter(|role| *role != Role::Worker).map(|role| Self { role, slot: 0 }),
            Some((role, slot)) => {
                let role = Role::parse(role).filter(|role| *role == Role::Worker)?;
                slot.parse().ok().map(|slot| Self { role, slot })
            }
        }
    }
}

impl std::fmt::Display for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.role {
            Role::Worker => write!(f, "worker-{}", self.slot),
            Role::Bot | Role::Supervisor | Role::Console => f.write_str(self.role.as_str()),
        }
    }
}

/// The posts of a running system, in the order in which they are started: what accepts work comes after what does it.
pub fn posts(workers: u32, with_console: bool, with_bot: bool) -> Vec<Post> {
    let mut posts: Vec<Post> = (1..=workers).map(|slot| Post { role: Role::Worker, slot }).collect();
    if with_console {
        posts.push(Post { role: Role::Console, slot: 0 });
    }
    if with_bot {
        posts.push(Post { role: Role::Bot, slot: 0 });
    }
    posts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("shim"), None);
        for post in posts(3, true, true) {
            assert_eq!(Post::parse(&post.to_string()), Some(post));
        }
        for word in ["worker", "bot-1", "worker-", "worker-x", "shim-1", ""] {
            assert_eq!(Post::parse(word), None, "{word}");
        }
    }

    #[test]
    fn what_accepts_work_starts_last() {
        let names: Vec<String> = posts(3, true, true).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["worker-1", "worker-2", "worker-3", "console", "bot"]);
        assert_eq!(posts(1, false, false).len(), 1);
    }
}
