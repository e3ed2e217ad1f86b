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

/// How many workers there may be.
pub const MOST_WORKERS: u32 = 16;
/// The letters of the part of a process' name that makes it unique (a ULID).
const UNIQUE: usize = 26;

impl Post {
    /// The post of the process that has this name (`worker-2.01KAPYZZZZZZZZZZZZZZZZZZZ4`); `None` where nobody is called so.
    pub fn of_process(name: &str) -> Option<Self> {
        let (post, unique) = name.split_once('.')?;
        if unique.len() != UNIQUE || !unique.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()) {
            return None;
        }
        let slots = (1..=MOST_WORKERS).map(|slot| Self { role: Role::Worker, slot });
        let alone = [Role::Bot, Role::Supervisor, Role::Console].map(|role| Self { role, slot: 0 });
        slots.chain(alone).find(|known| known.to_string() == post)
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
    fn a_name_tells_the_post_and_what_is_no_name_tells_nothing() {
        let unique = "01KAPYZZZZZZZZZZZZZZZZZZZ4";
        let every = posts(MOST_WORKERS, true, true).into_iter().chain([Post { role: Role::Supervisor, slot: 0 }]);
        for post in every {
            assert_eq!(Post::of_process(&format!("{post}.{unique}")), Some(post));
        }
        let names = ["", ".", "bot", "bot.", "bot.1", "worker.x", "worker-0.x", "worker-17.x", "worker-+1.x", "shim.x"];
        for name in names.map(|name| name.replace('x', unique)) {
            assert_eq!(Post::of_process(&name), None, "{name}");
        }
        for unique in ["01kapyzzzzzzzzzzzzzzzzzzz4", "01KAPYZZZZZZZZZZZZZZZZZZZ44", "01KAPYZZZZZZZZZZZZZZZZZZ 4"] {
            assert_eq!(Post::of_process(&format!("bot.{unique}")), None, "{unique}");
        }
    }

    #[test]
    fn what_accepts_work_starts_last() {
        let names: Vec<String> = posts(3, true, true).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["worker-1", "worker-2", "worker-3", "console", "bot"]);
        assert_eq!(posts(1, false, false).len(), 1);
    }
}
