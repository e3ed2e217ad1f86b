//! Git, asked by us and not by an agent: nothing of the repository's own is run (no hooks, no monitor), nobody is asked for a
//! password or a message, and commits are signed as ours.

use std::{io, path::Path, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::{clock, run_dir};

/// How long Git may take.
const LONGEST: Duration = Duration::from_mins(1);
/// What a repository's configuration does not decide here.
const SETTINGS: [&str; 7] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "user.name=agentlab",
    "user.email=agentlab@localhost",
];

/// What Git prints for these words in a checkout, without the last line's end. Its own complaint is the error.
pub async fn ask(checkout: &Path, words: &[&str]) -> io::Result<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(checkout).args(SETTINGS.iter().flat_map(|setting| ["-c", setting])).args(words);
    // Where we were started from within a repository's hook, its variables would lead to another repository.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        git.env_remove(name);
    }
    git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true").env("LC_ALL", "C").env_remove(run_dir::MARK);
    let output = git.stdin(Stdio::null()).kill_on_drop(true).output();
    let output =
        tokio::time::timeout(clock::scaled(LONGEST).max(LONGEST / 4), output).await.map_err(io::Error::other)??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let verb = words.first().copied().unwrap_or_default();
    let why = text(&output.stderr).lines().next().unwrap_or_default().to_owned();
    Err(io::Error::other(format!("git {verb}: {} {why}", output.status)))
}
