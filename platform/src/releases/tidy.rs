//! Tidying: old releases go, so that a home does not grow with each update. What is in place, what may be returned to, and what
//! a process runs is never touched.

use std::{fs, path::PathBuf};

use agentlab_domain::trial::{Kept, superfluous};

use super::{RECORD, Release, all, current, take, target, trial, turn};
use crate::{files, home::Home, program};

/// Removes what is kept no more. While nobody can tell what runs, nothing is.
pub fn tidy(home: &Home) {
    let Ok(_turn) = turn(home) else { return };
    let Ok(running) = program::running() else { return };
    files::tidy_halves(&home.releases());
    for half in without_record(home).iter().filter(|half| !running.iter().any(|path| path.starts_with(half))) {
        let removed = fs::remove_dir_all(half);
        tracing::info!(?half, ?removed, "a half of a release was removed");
    }
    let all = all(home);
    let kept: Vec<Kept<'_>> = all.iter().map(|release| release.kept(&all)).collect();
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
        let removed = take::remove(home, name);
        tracing::info!(name, ?removed, "an old release was removed");
    }
}

/// Folders that say nothing of the release in them: nothing starts from them, and nothing returns to them.
fn without_record(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.releases()).into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    folders
        .filter(|folder| folder.join(RECORD).try_exists().is_ok_and(|there| !there))
        .filter_map(|folder| fs::canonicalize(folder).ok())
        .collect()
}
