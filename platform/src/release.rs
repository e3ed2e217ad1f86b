//! The *release* that runs: its version, and the commit that it was built from where that is known (a build without a
//! repository knows none). Other files decide what follows from its age.

use std::sync::OnceLock;

use agentlab_domain::crash;

use crate::program;

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    pub version: &'static str,
    /// The first twelve letters.
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

/// Remembers what was built; the commit with its time in Unix seconds. To be called once, by `main`.
pub fn remember(commit: Option<&'static str>, committed_at: Option<&'static str>) {
    let committed_at = committed_at.and_then(|seconds| seconds.parse::<i64>().ok()).map(|seconds| seconds * 1000);
    // Asked now: later another release may stand in its place.
    let installed_at = program::written_at();
    let _ = RELEASE.set(Release { version: env!("CARGO_PKG_VERSION"), commit, committed_at, installed_at });
}

/// The release that runs.
pub fn current() -> Release {
    *RELEASE.get_or_init(|| Release {
        version: env!("CARGO_PKG_VERSION"),
        commit: None,
        committed_at: None,
        installed_at: None,
    })
}
