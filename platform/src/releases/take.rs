//! Taking an executable as a release: copied under another name, synced, renamed. It changes nothing about what runs.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use fail::fail_point;

use super::{PROGRAM, Release, ReleaseError, checkout::Source, read, turn, write};
use crate::{clock, digest::sha256_of, files, home::Home};

/// Letters of a name.
const LETTERS: usize = 12;

/// A release that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub release: Release,
    /// It was not kept before.
    pub is_new: bool,
}

/// Takes an executable. The same one again is the same release.
pub fn take(home: &Home, executable: &Path, source: Option<&Source>) -> Result<Taken, ReleaseError> {
    let releases = home.releases();
    let prepared = fs::DirBuilder::new().recursive(true).mode(0o700).create(&releases);
    prepared.map_err(ReleaseError::at(&releases))?;
    let _turn = turn(home)?;
    files::tidy_halves(&releases);
    let sha256 = sha256_of(executable).map_err(ReleaseError::at(executable))?;
    let name = name(home, &sha256, source.and_then(|source| source.commit.as_deref()));
    if let Some(known) = read(home, &name).filter(|known| is_whole(home, known)) {
        return Ok(Taken { release: known, is_new: false });
    }
    // A damaged copy of a bad one is as bad.
    let bad = read(home, &name).filter(|known| known.sha256 == sha256).and_then(|known| known.bad);
    let release = Release {
        name: name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: source.and_then(|source| source.commit.clone()),
        sha256,
        source: source.map(|source| source.folder.clone()),
        taken_at: clock::now_ms(),
        current_at: None,
        ran_at: None,
        healthy_at: None,
        from: None,
        bad,
    };
    let folder = releases.join(&name);
    // What stands there is no whole release: nothing runs from it, and it is in the way.
    let aside = files::beside(&folder);
    if folder.exists() {
        fs::rename(&folder, &aside).map_err(ReleaseError::at(&folder))?;
    }
    let new = files::beside(&folder);
    let placed = fill(&new, executable, &release).and_then(|()| {
        fs::rename(&new, &folder).map_err(ReleaseError::at(&folder))?;
        files::sync_folder(&folder).map_err(ReleaseError::at(&folder))
    });
    for half in [&new, &aside] {
        let _ = fs::remove_dir_all(half);
    }
    placed?;
    fail_point!("release-taken");
    Ok(Taken { release, is_new: true })
}

/// Removes a release that was just taken and is of no use.
pub fn discard(home: &Home, name: &str) {
    let removed = turn(home).map(|_turn| remove(home, name));
    tracing::info!(name, ?removed, "a release that is of no use was removed");
}

/// Removes the folder of a release. Set aside first, so that a removal that is cut off leaves no half of a release.
pub(super) fn remove(home: &Home, name: &str) -> io::Result<()> {
    files::remove_folder(&home.releases().join(name))
}

fn fill(folder: &Path, executable: &Path, release: &Release) -> Result<(), ReleaseError> {
    let program = folder.join(PROGRAM);
    let copied = fs::DirBuilder::new().mode(0o700).create(folder).and_then(|()| {
        fs::copy(executable, &program)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
        File::open(&program)?.sync_all()
    });
    copied.map_err(ReleaseError::at(&program))?;
    write(folder, release)
}

/// The commit, unless another executable has that name already; else the executable's own digest.
fn name(home: &Home, sha256: &str, commit: Option<&str>) -> String {
    let short = |text: &str| text.chars().take(LETTERS).collect::<String>();
    let is_free = |name: &String| read(home, name).is_none_or(|known| known.sha256 == sha256);
    commit.map(short).filter(is_free).unwrap_or_else(|| short(sha256))
}

/// Whether the executable of a release is the one that was taken: a copy that was damaged is taken anew.
pub(super) fn is_whole(home: &Home, release: &Release) -> bool {
    sha256_of(&super::program(home, &release.name)).is_ok_and(|found| found == release.sha256)
}
