//! Logins to the page. A *link* (of `agentlab page`) is good for one login, within ten minutes; a *login* is good for thirty
//! days. Each is a file of the home, named by the SHA-256 of its token: who can read the home may be let in anyway, and
//! who reads a file's name knows no token. Removing the file ends it.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::{clock, digest, files, home::Home};

const MINUTE_MS: i64 = 60_000;
const LINK_MS: i64 = 10 * MINUTE_MS;
const LOGIN_MS: i64 = 30 * 24 * 60 * MINUTE_MS;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Link,
    Login,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Link => "links",
            Self::Login => "logins",
        }
    }

    const fn lasts_ms(self) -> i64 {
        match self {
            Self::Link => LINK_MS,
            Self::Login => LOGIN_MS,
        }
    }
}

/// Makes a link; returns its token.
pub fn link(home: &Home) -> io::Result<SecretString> {
    make(home, Kind::Link)
}

/// Turns a link's token into a login's. Only once: whoever comes second gets none.
pub fn redeem(home: &Home, link: &str) -> io::Result<Option<SecretString>> {
    if !is_good(home, Kind::Link, link)? {
        return Ok(None);
    }
    match fs::remove_file(path(home, Kind::Link, link)) {
        Ok(()) => make(home, Kind::Login).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a login's token is good now.
pub fn is_logged_in(home: &Home, token: &str) -> io::Result<bool> {
    is_good(home, Kind::Login, token)
}

/// Ends a login.
pub fn log_out(home: &Home, token: &str) -> io::Result<()> {
    match fs::remove_file(path(home, Kind::Login, token)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make(home: &Home, kind: Kind) -> io::Result<SecretString> {
    forget_old(home, kind);
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let path = path(home, kind, &token);
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    files::put(&path, (clock::now_ms() + kind.lasts_ms()).to_string().as_bytes())?;
    Ok(token.into())
}

fn is_good(home: &Home, kind: Kind, token: &str) -> io::Result<bool> {
    match fs::read_to_string(path(home, kind, token)) {
        Ok(until) => Ok(lasts(kind, until.parse().ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether something that is good until then is good now. A clock that was set back makes nothing good for longer than it was meant.
fn lasts(kind: Kind, until: Option<i64>) -> bool {
    until.is_some_and(|until| (1..=kind.lasts_ms()).contains(&(until - clock::now_ms())))
}

fn path(home: &Home, kind: Kind, token: &str) -> PathBuf {
    home.run().join(kind.folder()).join(digest::sha256(token))
}

fn forget_old(home: &Home, kind: Kind) {
    let entries = fs::read_dir(home.run().join(kind.folder())).into_iter().flatten().filter_map(Result::ok);
    for path in entries.map(|entry| entry.path()) {
        let until = fs::read_to_string(&path).ok().and_then(|until| until.parse().ok());
        if !lasts(kind, until) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The address of the page with a link's token in it, for a person.
pub fn address(port: u16, link: &SecretString) -> String {
    format!("http://127.0.0.1:{port}/login?link={}", link.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_once_and_a_login_until_it_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let link = link(&home).unwrap();
        assert!(!is_logged_in(&home, link.expose_secret()).unwrap(), "a link is no login");
        let login = redeem(&home, link.expose_secret()).unwrap().unwrap();
        assert!(redeem(&home, link.expose_secret()).unwrap().is_none());
        assert!(redeem(&home, login.expose_secret()).unwrap().is_none());
        assert!(is_logged_in(&home, login.expose_secret()).unwrap());
        for wrong in ["", "x", "../../config.toml", link.expose_secret()] {
            assert!(!is_logged_in(&home, wrong).unwrap(), "{wrong}");
        }
        log_out(&home, login.expose_secret()).unwrap();
        log_out(&home, login.expose_secret()).unwrap();
        assert!(!is_logged_in(&home, login.expose_secret()).unwrap());
    }

    #[test]
    fn what_is_over_or_lies_too_far_ahead_is_not_good_and_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let token = link(&home).unwrap();
        let file = path(&home, Kind::Link, token.expose_secret());
        let now = clock::now_ms();
        for until in [now - 1, now + 2 * LINK_MS, 0, i64::MAX] {
            fs::write(&file, until.to_string()).unwrap();
            assert!(redeem(&home, token.expose_secret()).unwrap().is_none(), "{until}");
        }
        fs::write(&file, "soon").unwrap();
        assert!(redeem(&home, token.expose_secret()).unwrap().is_none());
        link(&home).unwrap();
        assert!(!file.exists());
    }
}
