//! Git, asked by us and not by an agent: nothing of the repository's own is run (no hooks, no monitor), nobody is asked for a
//! password or a message, and commits are signed as ours.

use std::{io, path::Path, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::{clock, run_dir};

/// How long Git may take.
const LONGEST: Duration = Duration::from_mins(1);
/// Tests shorten it no further.
const SHORTEST: Duration = Duration::from_secs(15);
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
    ask_within(checkout, words, LONGEST).await
}

/// The same where it may take another time than usual.
pub async fn ask_within(checkout: &Path, words: &[&str], limit: Duration) -> io::Result<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(checkout).args(SETTINGS.iter().flat_map(|setting| ["-c", setting])).args(words);
    // Where we were started from within a repository's hook, its variables would lead to another repository.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        git.env_remove(name);
    }
    git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true").env("LC_ALL", "C").env_remove(run_dir::MARK);
    let output = git.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(clock::scaled(limit).max(SHORTEST), output).await;
    let called = || format!("`git {}` in {}", words.join(" "), checkout.display());
    let output = output.map_err(|_| io::Error::other(format!("{} takes too long", called())))?;
    let output = output.map_err(|error| io::Error::other(format!("{}: {error}", called())))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = text(&output.stderr);
    let why = if said.is_empty() { output.status.to_string() } else { said };
    Err(io::Error::other(format!("{}: {why}", called())))
}
