//! What units are written from. A *basis* is the same for all units of a home: the program that they start, the home, and the
//! PATH under which agents, Git and Node are found.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use agentlab_domain::role::{Post, Role};

use super::Kind;
use crate::{clock, home::Home, program, releases, spawn};

/// How long a service manager waits before it starts again what failed; the supervisor is sooner.
const RESTART: Duration = Duration::from_secs(10);
/// How long it waits for the end of a process that it asked to end: longer than a daemon takes to let go of its task.
const STOP: Duration = Duration::from_secs(30);
/// After so long without a word a process is ended by systemd.
const WATCHDOG: Duration = Duration::from_mins(1);

/// After so long without a word a process that is not ready yet is ended by systemd. Ours extends it with each beat, so a start
/// that waits for a locked database is never ended.
const START: Duration = Duration::from_mins(1);
/// Tests shorten it no further: a busy machine takes its time to load a program.
const SHORTEST_START: Duration = Duration::from_secs(5);

/// What units are written from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    pub program: String,
    pub home: PathBuf,
    pub path: String,
}

impl Basis {
    /// For this home, with what is installed now. Paths that a unit cannot hold are refused.
    pub fn of(home: &Home, path: String) -> io::Result<Self> {
        let program = program(home)?;
        let words = |path: &Path| {
            let text = path.to_str().filter(|text| !text.contains(char::is_control));
            text.map(str::to_owned).ok_or_else(|| {
                io::Error::other(format!("{}: a path of a service may hold no control character", path.display()))
            })
        };
        words(home.path())?;
        Ok(Self { program: words(&program)?, home: home.path().to_owned(), path })
    }

    /// As the supervisor itself was started: what it writes then is what stands there already.
    pub fn of_this_process(home: &Home) -> io::Result<Self> {
        Self::of(home, std::env::var("PATH").unwrap_or_default())
    }

    /// What a manager would not take.
    pub fn refused_by(&self, kind: Kind) -> Option<String> {
        let program = &self.program;
        match kind {
            Kind::Systemd if program.contains(['"', '\'', '\\']) => Some(format!(
                "systemd starts no program whose path holds quotes or a backslash: move {program} and install again"
            )),
            Kind::Systemd | Kind::Launchd => None,
        }
    }

    /// The home as a word.
    pub(super) fn home_word(&self) -> String {
        self.home.to_string_lossy().into_owned()
    }

    /// Where the process of a post prints.
    pub(super) fn output(&self, post: Post) -> String {
        self.home.join("logs").join(spawn::error_file(post)).to_string_lossy().into_owned()
    }
}

/// The program that units start: the link to the release in place, so that an update reaches every one of them; else a path
/// that means the same to another process.
fn program(home: &Home) -> io::Result<PathBuf> {
    let current = releases::current_program(home);
    if current.exists() {
        return Ok(current);
    }
    let path = program::installed(home)?;
    if path.starts_with("/proc") {
        return Err(io::Error::other(
            "the program of agentlab is not in its place any more: put it back, then try again",
        ));
    }
    Ok(path)
}

/// What the program is told to be at this post.
pub(super) fn arguments(post: Post) -> Vec<String> {
    let mut arguments = vec![post.role.as_str().to_owned()];
    match post.role {
        Role::Worker => arguments.extend(["--slot".to_owned(), post.slot.to_string()]),
        Role::Bot | Role::Supervisor | Role::Console => {}
    }
    arguments
}

/// Replaces what stands between `@` in a template by these values. What a value holds is not read again.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('@') {
        filled.push_str(before);
        let found = after.split_once('@').and_then(|(name, behind)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, behind))
        });
        if let Some((value, behind)) = found {
            filled.push_str(value);
            rest = behind;
        } else {
            filled.push('@');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// The time limits of a template, in whole seconds.
pub(super) fn limits() -> [(&'static str, String); 4] {
    let seconds = |limit: Duration| clock::scaled(limit).as_secs().max(1).to_string();
    [
        ("RESTART", seconds(RESTART)),
        ("START", start_limit().as_secs().to_string()),
        ("STOP", seconds(STOP)),
        ("WATCHDOG", seconds(WATCHDOG)),
    ]
}

/// For how long a process that is not ready yet may say nothing.
pub(crate) fn start_limit() -> Duration {
    clock::scaled(START).max(SHORTEST_START)
}
