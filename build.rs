//! Tells the program which commit it is built from. Without Git, or outside a repository, it knows none.

use std::{path::Path, process::Command};

fn main() {
    // Grows with each commit and each checkout; where it is not there (a shallow copy), HEAD is watched.
    for file in [".git/logs/HEAD", ".git/HEAD"] {
        if Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    if let Some((commit, seconds)) = commit() {
        println!("cargo::rustc-env=AGENTLAB_COMMIT={commit}");
        println!("cargo::rustc-env=AGENTLAB_COMMITTED_AT={seconds}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a build asks Git; nothing of ours runs yet")]
fn commit() -> Option<(String, String)> {
    let git = Command::new("git").args(["show", "-s", "--abbrev=12", "--format=%h %ct", "HEAD"]).output().ok()?;
    let line = String::from_utf8(git.stdout).ok().filter(|_| git.status.success())?;
    let (commit, seconds) = line.trim().split_once(' ')?;
    Some((commit.to_owned(), seconds.to_owned()))
}
