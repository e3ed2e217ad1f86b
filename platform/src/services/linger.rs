//! Lingering: whether systemd starts a user's services at boot and keeps them when he logs out. Without it they live only while he
//! is logged in.

use std::path::Path;

use super::{Kind, Manager};

/// Whether services live without a session, and what to do where they do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linger {
    pub on: bool,
    pub words: String,
}

impl Manager {
    /// Whether what it keeps lives without a session of the user.
    pub fn linger(&self) -> Linger {
        match self.kind {
            Kind::Systemd => {
                let name = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
                of_systemd(name.as_deref(), Path::new("/var/lib/systemd/linger"))
            }
            Kind::Launchd => Linger {
                on: true,
                words: "the services start when you log in at the screen and end when you log out: let the Mac log you in by \
                        itself where it is to work without you"
                    .to_owned(),
            },
        }
    }
}

/// systemd keeps an empty file for each user who lingers.
fn of_systemd(user: Option<&str>, folder: &Path) -> Linger {
    match user {
        Some(user) if folder.join(user).exists() => Linger {
            on: true,
            words: "lingering is on: the services start at boot and stay when you log out".to_owned(),
        },
        Some(_) | None => Linger {
            on: false,
            words: "lingering is off: the services start when you log in and end when you log out. \
                    `loginctl enable-linger` lets them start at boot and stay"
                .to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_lingers_has_a_file_of_his_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!of_systemd(Some("ann"), folder.path()).on && !of_systemd(None, folder.path()).on);
        std::fs::write(folder.path().join("ann"), "").unwrap();
        assert!(of_systemd(Some("ann"), folder.path()).on && !of_systemd(Some("bob"), folder.path()).on);
    }
}
