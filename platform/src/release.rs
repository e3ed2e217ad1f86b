//! The *release* that runs: its version, and the commit that it was built from where that is known (a build without a
//! repository knows none). Other files decide what follows from its age.

use std::sync::OnceLock;

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    pub version: &'static str,
    /// The first twelve letters.
    pub commit: Option<&'static str>,
    /// When that commit was made, Unix milliseconds.
    pub committed_at: Option<i64>,
}

static RELEASE: OnceLock<Release> = OnceLock::new();

/// Remembers what was built; the commit with its time in Unix seconds. To be called once, by `main`.
pub fn remember(commit: Option<&'static str>, committed_at: Option<&'static str>) {
    let committed_at = committed_at.and_then(|seconds| seconds.parse::<i64>().ok()).map(|seconds| seconds * 1000);
    let _ = RELEASE.set(Release { version: env!("CARGO_PKG_VERSION"), commit, committed_at });
}

/// The release that runs.
pub fn current() -> Release {
    *RELEASE.get_or_init(|| Release { version: env!("CARGO_PKG_VERSION"), commit: None, committed_at: None })
}
