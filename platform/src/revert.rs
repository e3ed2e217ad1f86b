//! Reverting the suspect commit in the checkout that a release was built from. Whether it is done is decided in
//! `agentlab_domain::revert`; here Git is asked, and told.
//!
//! The revert's tree is the tree of the commit's parent, so the commit is made beside the branch and the branch moved to it
//! in one step: whoever is killed before that step has changed nothing.

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use agentlab_domain::revert::{self, Checkout, Known};
use serde::{Deserialize, Serialize};

use crate::{clock, files, home::Home, spawn::git};

/// What stands in a repository's own folder while something is under way.
const BUSY: [&str; 7] =
    ["MERGE_HEAD", "REVERT_HEAD", "CHERRY_PICK_HEAD", "BISECT_LOG", "rebase-merge", "rebase-apply", "sequencer"];

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `recovery.auto_revert`.
    pub wanted: bool,
    /// The checkout that the suspect release was built from, where it was built from one.
    pub source: Option<&'a Path>,
    /// The commit of the suspect release.
    pub suspect: Option<&'a str>,
    /// The commit of the last healthy one.
    pub healthy: Option<&'a str>,
    /// Why it is suspect: one sentence, which stands in the commit.
    pub why: &'a str,
}

/// What came of it, for the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// This commit undoes the suspect one.
    Reverted { commit: String, words: String },
    /// Nothing was changed.
    Refused { words: String },
}

impl Done {
    /// The words.
    pub fn words(&self) -> &str {
        match self {
            Self::Reverted { words, .. } | Self::Refused { words } => words,
        }
    }
}

/// When something was reverted last, in `releases/reverted.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Reverted {
    /// Unix milliseconds.
    at: i64,
    /// What was undone.
    commit: String,
}

/// Reverts the suspect commit if every guard holds; says what was done, or why nothing was.
pub async fn revert(home: &Home, asked: Asked<'_>) -> Done {
    match tried(home, asked).await {
        Ok(done) => done,
        Err(error) => refused(asked, &error.to_string()),
    }
}

async fn tried(home: &Home, asked: Asked<'_>) -> io::Result<Done> {
    let Asked { wanted, suspect, healthy, .. } = asked;
    let Some(source) = asked.source else { return Ok(refused(asked, "it was not built from a checkout here")) };
    let known = Known { wanted, suspect, healthy, last_at: last(home)? };
    let checkout = look(source).await?;
    if let Err(refusal) = revert::decide(known, &checkout, clock::now_ms()) {
        return Ok(refused(asked, &refusal.to_string()));
    }
    // Noted first: whatever happens now, nothing more is reverted today.
    note(home, &checkout.head)?;
    let commit = make(source, &checkout, asked.why).await?;
    let (short, branch) = (commit.get(..12).unwrap_or(&commit), checkout.branch.as_deref().unwrap_or_default());
    let words = format!(
        "The commit {} in {} is reverted by {short} on {branch} (recovery.auto_revert). It was not pushed. \
         `git -C {} revert {short}` brings it back.",
        suspect.unwrap_or_default(),
        source.display(),
        source.display()
    );
    Ok(Done::Reverted { commit, words })
}

fn refused(asked: Asked<'_>, why: &str) -> Done {
    let commit = asked.suspect.map_or_else(|| "Its commit".into(), |commit| format!("The commit {commit}"));
    Done::Refused { words: format!("{commit} is not reverted: {why}.") }
}

/// Asks Git about the checkout.
async fn look(source: &Path) -> io::Result<Checkout> {
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let head = git::ask(source, &["rev-parse", "--verify", "HEAD^{commit}"]).await?;
    let parents = git::ask(source, &["show", "-s", "--format=%P", &head]).await?;
    let parents: Vec<String> = parents.split_whitespace().map(str::to_owned).collect();
    let files = git::ask(source, &["diff-tree", "--no-commit-id", "--name-only", "-r", "-m", "--root", &head]).await?;
    let status = git::ask(source, &["status", "--porcelain", "--untracked-files=normal"]).await?;
    let folder = PathBuf::from(git::ask(source, &["rev-parse", "--absolute-git-dir"]).await?);
    Ok(Checkout {
        message: git::ask(source, &["show", "-s", "--format=%B", &head]).await?,
        branch: git::ask(source, &["symbolic-ref", "--quiet", "--short", "HEAD"]).await.ok(),
        clean: status.is_empty(),
        busy: BUSY.iter().any(|name| folder.join(name).exists()),
        files: lines(files),
        head,
        parents,
    })
}

/// Makes the commit and moves the branch, with the files, to it.
async fn make(source: &Path, checkout: &Checkout, why: &str) -> io::Result<String> {
    let message = revert::message(checkout, why);
    let tree = format!("{}^1^{{tree}}", checkout.head);
    let commit = git::ask(source, &["commit-tree", &tree, "-p", &checkout.head, "-m", &message]).await?;
    fail::fail_point!("revert-made", |_| Err(io::Error::other("stopped by a test")));
    git::ask(source, &["merge", "--quiet", "--ff-only", "--no-autostash", &commit]).await?;
    Ok(commit)
}

fn path(home: &Home) -> PathBuf {
    home.path().join("releases").join("reverted.json")
}

fn last(home: &Home) -> io::Result<Option<i64>> {
    match std::fs::read(path(home)) {
        Ok(bytes) => {
            let noted: Reverted = serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::other(format!("{}: {error}", path(home).display())))?;
            Ok(Some(noted.at))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn note(home: &Home, commit: &str) -> io::Result<()> {
    let path = path(home);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::put(&path, &serde_json::to_vec(&Reverted { at: clock::now_ms(), commit: commit.to_owned() })?)
}
