//! Tidying: old releases go, so that a home does not grow with each update. What is in place, what may be returned to, and what
//! a process runs is never touched.

use std::fs;

use agentlab_domain::trial::{Kept, superfluous};

use super::{Release, all, current, target, trial, turn};
use crate::{home::Home, program};

/// Removes what is kept no more. While nobody can tell what runs, nothing is.
pub fn tidy(home: &Home) {
    let Ok(_turn) = turn(home) else { return };
    let Ok(running) = program::running() else { return };
    let all = all(home);
    let kept: Vec<Kept<'_>> = all.iter().map(Release::kept).collect();
    let current = current(home);
    let back = current.as_ref().and_then(|current| target(home, current));
    let from = trial::read(home).map(|trial| trial.release);
    let folder = |release: &Release| fs::canonicalize(home.releases().join(&release.name)).ok();
    let runs =
        |release: &&Release| folder(release).is_none_or(|folder| running.iter().any(|path| path.starts_with(&folder)));
    let mut needed: Vec<&str> = all.iter().filter(runs).map(|release| release.name.as_str()).collect();
    needed.extend([&current, &back].into_iter().flatten().map(|release| release.name.as_str()));
    needed.extend(from.as_deref());
    for name in superfluous(&needed, &kept) {
        let removed = fs::remove_dir_all(home.releases().join(name));
        tracing::info!(name, ?removed, "an old release was removed");
    }
}
