//! The *release* that runs: its version, and what tells it from others: its name among the releases that are kept, else the
//! commit that it was built from where that is known (a build without a repository knows none). Other files decide what follows
//! from its age.

use std::sync::OnceLock;

use agentlab_domain::crash;

use crate::{program, releases};

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    pub version: &'static str,
    /// Its name in `releases/`, where it runs from there.
    pub name: Option<&'static str>,
    /// Twelve letters that tell it from others: the name, else those of the commit.
    pub commit: Option<&'static str>,
    /// When that commit was made, Unix milliseconds.
    pub committed_at: Option<i64>,
    /// When its executable was written, Unix milliseconds.
    pub installed_at: Option<i64>,
}

impl Release {
    /// What names it.
    pub fn named(&self) -> crash::Release {
        crash::Release { version: self.version.to_owned(), commit: self.commit.map(str::to_owned) }
    }

    /// What its age is counted from.
    pub const fn born(&self) -> crash::Born {
        crash::Born { installed_at: self.installed_at, committed_at: self.committed_at }
    }
}

static RELEASE: OnceLock<Release> = OnceLock::new();
static BUILT_FROM: OnceLock<Option<&'static str>> = OnceLock::new();

/// Remembers what was built; the commit with its time in Unix seconds. To be called once, by `main`.
pub fn remember(commit: Option<&'static str>, committed_at: Option<&'static str>) {
    let committed_at = committed_at.and_then(|seconds| seconds.parse::<i64>().ok()).map(|seconds| seconds * 1000);
    let kept = program::canonical().ok().and_then(|path| releases::of_program(&path));
    // Asked now: later another release may stand in its place.
    let installed_at = kept.as_ref().map(|kept| kept.taken_at).or_else(program::written_at);
    // Once in the life of a process.
    let name = kept.map(|kept| &*Box::leak(kept.name.into_boxed_str()));
    let _ = BUILT_FROM.set(commit);
    let commit = name.or(commit);
    let _ = RELEASE.set(Release { version: env!("CARGO_PKG_VERSION"), name, commit, committed_at, installed_at });
}

/// The commit that this executable was built from, whatever the name of its release is.
pub fn built_from() -> Option<&'static str> {
    BUILT_FROM.get().copied().flatten()
}

/// The release that runs.
pub fn current() -> Release {
    *RELEASE.get_or_init(|| Release {
        version: env!("CARGO_PKG_VERSION"),
        name: None,
        commit: None,
        committed_at: None,
        installed_at: None,
    })
}
