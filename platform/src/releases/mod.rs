//! The releases that are kept: `releases/NAME/agentlab` with `release.json` beside it, and the link `releases/current`. A
//! *release* is one executable. It is files and no rows, since a return to an earlier one has to work while the database is
//! locked. A home that was never updated has none of this, and runs from wherever it was installed.
//!
//! What a trial means and which release is returned to is decided in `agentlab_domain::trial`.

mod check;
pub mod checkout;
pub mod going_back;
mod life;
mod running;
pub mod start;
mod switch;
mod take;
#[cfg(test)]
mod tests;
mod tidy;
pub mod trial;

use std::{
    io,
    path::{Path, PathBuf},
};

use agentlab_domain::trial::Kept;
use serde::{Deserialize, Serialize};

pub use check::{Fit, check, fit};
pub use life::{described, healthy, ran};
pub use running::running;
pub use switch::{forgive, mark_bad, switch};
use take::is_whole;
pub use take::{Taken, discard, take};
pub use tidy::tidy;

use crate::{
    files,
    home::Home,
    lock::{Lock, Mode},
};

/// The executable within the folder of a release.
pub const PROGRAM: &str = "agentlab";
/// What is known of it, in the same folder.
const RECORD: &str = "release.json";
/// The link to the folder of the one in place.
const CURRENT: &str = "current";

/// What is known of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The commit's first twelve letters where it was built from a clean checkout, else those of the executable's SHA-256.
    pub name: String,
    pub version: String,
    /// The commit that it was built from, where that is known.
    pub commit: Option<String>,
    pub sha256: String,
    /// The checkout that it was built from, if it was built here.
    pub source: Option<PathBuf>,
    /// Unix milliseconds, like all that follow.
    pub taken_at: i64,
    /// When it was put in place last.
    #[serde(default)]
    pub current_at: Option<i64>,
    /// When everything was ready under it for the first time.
    #[serde(default)]
    pub ran_at: Option<i64>,
    /// When it had been healthy for ten minutes.
    #[serde(default)]
    pub healthy_at: Option<i64>,
    /// What was in place before it.
    #[serde(default)]
    pub from: Option<String>,
    /// Nothing returns to it by itself.
    #[serde(default)]
    pub bad: Option<Bad>,
}

/// Why a release is bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    pub at: i64,
    pub why: String,
    /// What was returned to.
    pub returned_to: String,
    /// No person asked for it.
    pub by_itself: bool,
    /// What came of the revert of its commit, where that was tried.
    #[serde(default)]
    pub reverted: Option<String>,
}

/// Why something about releases was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("{0}")]
    Refused(String),
    #[error("{path:?}: {error}")]
    File { path: PathBuf, error: io::Error },
}

impl ReleaseError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::File { path, error }
    }
}

impl Release {
    fn kept<'a>(&'a self, all: &[Self]) -> Kept<'a> {
        Kept {
            name: &self.name,
            bad: self.bad_among(all).is_some(),
            healthy: self.healthy_at.is_some(),
            ran: self.ran_at.is_some(),
            from: self.from.as_deref(),
            since: self.current_at.unwrap_or(self.taken_at),
        }
    }

    /// Why it is bad: the same executable under another name is as bad.
    fn bad_among(&self, all: &[Self]) -> Option<Bad> {
        let same = |other: &&Self| other.sha256 == self.sha256;
        self.bad.clone().or_else(|| all.iter().filter(same).find_map(|other| other.bad.clone()))
    }

    /// For people: `3f2a... (0.1.0)`.
    pub fn words(&self) -> String {
        format!("{} ({})", self.name, self.version)
    }
}

/// The release of this name, where it is kept and can be read.
pub fn read(home: &Home, name: &str) -> Option<Release> {
    of_folder(&home.releases().join(name))
}

/// The release in this folder; a folder of another name is none.
fn of_folder(folder: &Path) -> Option<Release> {
    let release: Release = serde_json::from_slice(&std::fs::read(folder.join(RECORD)).ok()?).ok()?;
    (folder.file_name()?.to_str()? == release.name).then_some(release)
}

/// The release that an executable belongs to, by the folder in which it stands.
pub(crate) fn of_program(program: &Path) -> Option<Release> {
    of_folder(std::fs::canonicalize(program).ok()?.parent()?)
}

/// Every release that is kept.
pub fn all(home: &Home) -> Vec<Release> {
    let entries = std::fs::read_dir(home.releases()).into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter_map(|entry| of_folder(&entry.path())).collect()
}

/// The release in place; `None` in a home that was never updated.
pub fn current(home: &Home) -> Option<Release> {
    let link = std::fs::read_link(home.releases().join(CURRENT)).ok()?;
    read(home, link.file_name()?.to_str()?)
}

/// The executable of the release in place: what units and daemons are started from.
pub fn current_program(home: &Home) -> PathBuf {
    home.releases().join(CURRENT).join(PROGRAM)
}

/// The last release that was healthy, other than the one in place.
pub fn last_healthy(home: &Home) -> Option<Release> {
    target(home, &current(home)?)
}

/// What is returned to from this one: one whose executable is whole.
pub(crate) fn target(home: &Home, current: &Release) -> Option<Release> {
    let mut all = all(home);
    loop {
        let kept: Vec<Kept<'_>> = all.iter().map(|release| release.kept(&all)).collect();
        let name = agentlab_domain::trial::target(&current.name, current.from.as_deref(), &kept)?.to_owned();
        let at = all.iter().position(|release| release.name == name)?;
        let found = all.swap_remove(at);
        if is_whole(home, &found) {
            return Some(found);
        }
        tracing::error!(release = name, "its executable is not the one that was taken: nothing returns to it");
    }
}

/// Why a release is bad, under whatever name its executable is kept.
pub fn why_bad(home: &Home, release: &Release) -> Option<Bad> {
    release.bad_among(&all(home))
}

/// The executable of a release.
pub fn program(home: &Home, name: &str) -> PathBuf {
    home.releases().join(name).join(PROGRAM)
}

/// One process at a time changes what is written about releases. Nobody holds it for longer than a few files take.
fn turn(home: &Home) -> Result<Lock, ReleaseError> {
    let path = home.lock("releases");
    let busy = || ReleaseError::Refused("another process changes the releases at this moment: try again".into());
    Lock::take(&path, Mode::Exclusive).map_err(ReleaseError::at(&path))?.ok_or_else(busy)
}

/// Changes what is known of a release, if it is kept.
fn change(home: &Home, name: &str, change: impl FnOnce(&mut Release)) -> Result<(), ReleaseError> {
    let Some(mut release) = read(home, name) else { return Ok(()) };
    let before = release.clone();
    change(&mut release);
    if release == before { Ok(()) } else { write(&home.releases().join(name), &release) }
}

fn write(folder: &Path, release: &Release) -> Result<(), ReleaseError> {
    let path = folder.join(RECORD);
    let bytes = serde_json::to_vec_pretty(release).map_err(io::Error::from);
    bytes.and_then(|bytes| files::put(&path, &bytes)).map_err(ReleaseError::at(&path))
}
