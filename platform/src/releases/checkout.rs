//! The checkout that a release is built from: its commit, what comes from its upstream, and the build. Its files are the person's
//! own: nothing is changed in it but by `git pull --ff-only`, and by cargo in `target/`.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};

use crate::spawn;

/// How long Git may take for a question.
const QUESTION: Duration = Duration::from_secs(30);
/// How long it may take to fetch.
const FETCH: Duration = Duration::from_mins(5);

/// Where a release comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub folder: PathBuf,
    /// The commit, where the files are exactly that commit's.
    pub commit: Option<String>,
}

impl Source {
    /// The checkout at `folder` as it is now.
    pub async fn of(folder: &Path) -> Self {
        let commit = git(folder, &["rev-parse", "--short=12", "HEAD"], QUESTION).await.ok();
        let clean = is_clean(folder).await;
        Self { folder: folder.to_path_buf(), commit: commit.filter(|_| clean) }
    }
}

/// Takes what the upstream has, if there is one and nothing is changed here; says in words what came of it.
pub async fn pull(folder: &Path) -> Result<String, String> {
    if git(folder, &["rev-parse", "--abbrev-ref", "@{upstream}"], QUESTION).await.is_err() {
        return Ok("the checkout has no upstream: it is built as it is".into());
    }
    if !is_clean(folder).await {
        return Ok("files in the checkout are changed: it is built as it is".into());
    }
    git(folder, &["pull", "--ff-only", "--quiet"], FETCH).await?;
    Ok("the checkout has what its upstream has".into())
}

async fn is_clean(folder: &Path) -> bool {
    git(folder, &["status", "--porcelain"], QUESTION).await.is_ok_and(|changed| changed.is_empty())
}

async fn git(folder: &Path, words: &[&str], limit: Duration) -> Result<String, String> {
    spawn::git::ask_within(folder, words, limit).await.map_err(|error| error.to_string())
}

/// Begins to build the checkout; what cargo says goes to `log`. Where the executable will be comes with it.
pub fn build(folder: &Path, log: &Path) -> io::Result<(Child, PathBuf)> {
    let said = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(log)?;
    // Named here, so that nobody's environment leads it elsewhere.
    let target = folder.join("target");
    let child = Command::new("cargo")
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::from(said.try_clone()?))
        .stderr(Stdio::from(said))
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, target.join("release").join(super::PROGRAM)))
}
