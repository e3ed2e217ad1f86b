//! The checks of a project as a Git hook, for one run. A folder of *hooks* in the run directory is named as
//! `core.hooksPath` in the environment of the agent alone: nothing in the repository changes, and nothing is left when the
//! run's environment is gone. Its `pre-commit` runs the repository's own one, then the checks; every other hook of Git is a
//! *chain*: it runs the repository's own hook and adds nothing.
//!
//! A hook is no proof: an agent can go around it (`--no-verify`, a merge), so the checks are run again after the run.

mod script;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{config::Config, run_dir::RunDir, spawn};

/// The hook that runs the checks.
const CHECKED: &str = "pre-commit";
/// How many entries of configuration the environment holds.
const COUNT: &str = "GIT_CONFIG_COUNT";
/// Every other hook of githooks(5). `fsmonitor-watchman` is missing: Git finds it by its own key, not in this folder.
const CHAINED: [&str; 26] = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-receive",
    "update",
    "proc-receive",
    "post-receive",
    "post-update",
    "reference-transaction",
    "push-to-checkout",
    "pre-auto-gc",
    "post-rewrite",
    "sendemail-validate",
    "p4-changelist",
    "p4-prepare-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "post-index-change",
];

/// The repository of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repository {
    /// What its worktrees share, without symbolic links.
    git: PathBuf,
    /// Where in it the project stands: empty, or ending with `/`.
    folder: OsString,
}

/// Writes the hooks of a run that works in `workspace`; false where that is in no repository, or where Git is missing.
pub async fn write(config: &Config, run: &RunDir, id: &str, workspace: &Path, checks: &[String]) -> io::Result<bool> {
    let Some(repository) = find(config, id, workspace).await else { return Ok(false) };
    let folder = run.hooks();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let folder = folder.canonicalize()?;
    let chain = script::chain(&folder);
    for name in CHAINED {
        put(&folder.join(name), &chain)?;
    }
    put(&folder.join(CHECKED), &script::checks(&folder, &repository, checks))?;
    Ok(true)
}

fn put(path: &Path, script: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o700).open(path)?.write_all(script)
}

/// The repository in which `workspace` lies, as Git tells it in the environment that the agent will have.
async fn find(config: &Config, id: &str, workspace: &Path) -> Option<Repository> {
    let (shared, folder) = tokio::join!(
        spawn::git(config, id, workspace, &["rev-parse", "--git-common-dir"]),
        spawn::git(config, id, workspace, &["rev-parse", "--show-prefix"]),
    );
    let (Ok(Some(shared)), Ok(Some(folder))) = (shared, folder) else { return None };
    workspace.join(shared).canonicalize().ok().map(|git| Repository { git, folder })
}

/// What the environment of this run's agent holds beside its own: our entry behind those that are there. Empty where the
/// run has no hooks.
pub fn environment(run: &RunDir) -> Vec<(String, OsString)> {
    let Ok(folder) = run.hooks().canonicalize() else { return Vec::new() };
    if !folder.join(CHECKED).exists() {
        return Vec::new();
    }
    entry(std::env::var_os(COUNT).as_deref(), folder.as_os_str())
}

/// The entry behind `count` others. A count that Git itself refuses is left as it is.
fn entry(count: Option<&OsStr>, folder: &OsStr) -> Vec<(String, OsString)> {
    let count = match count.map(OsStr::to_str) {
        None | Some(Some("")) => 0,
        Some(text) => match text.and_then(|text| text.trim().parse::<u32>().ok()) {
            Some(count) => count,
            None => return Vec::new(),
        },
    };
    vec![
        (COUNT.to_owned(), count.saturating_add(1).to_string().into()),
        (format!("GIT_CONFIG_KEY_{count}"), "core.hooksPath".into()),
        (format!("GIT_CONFIG_VALUE_{count}"), folder.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_entry_stands_behind_those_that_are_there() {
        let names = |count: Option<&str>| -> Vec<String> {
            let entry = entry(count.map(OsStr::new), OsStr::new("/r/hooks"));
            entry.into_iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect()
        };
        let first = ["GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=/r/hooks"];
        assert_eq!(names(None), first);
        assert_eq!(names(Some("")), first);
        let third = ["GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_2=core.hooksPath", "GIT_CONFIG_VALUE_2=/r/hooks"];
        assert_eq!(names(Some("2")), third);
        assert!(names(Some("many")).is_empty() && names(Some("-1")).is_empty());
    }
}
