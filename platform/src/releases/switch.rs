//! Putting a release in place: the link is made beside and renamed, so there is always one. Daemons that start from then on
//! start from it; whoever runs goes on with what he has.

use std::{fs, io, os::unix::fs::symlink};

use fail::fail_point;

use super::{Bad, CURRENT, ReleaseError, all, change, current, program, read, turn};
use crate::{clock, files, home::Home};

/// Puts the release `name` in place. Done twice it changes nothing.
pub fn switch(home: &Home, name: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    switch_in_turn(home, name)
}

pub(super) fn switch_in_turn(home: &Home, name: &str) -> Result<(), ReleaseError> {
    let found = program(home, name);
    if !found.is_file() {
        let error = io::Error::from(io::ErrorKind::NotFound);
        return Err(ReleaseError::File { path: found, error });
    }
    if current(home).is_some_and(|current| current.name == name) {
        return Ok(());
    }
    change(home, name, |release| release.current_at = Some(clock::now_ms()))?;
    let link = home.releases().join(CURRENT);
    let new = files::beside(&link);
    let placed = symlink(name, &new).and_then(|()| fs::rename(&new, &link)).and_then(|()| files::sync_folder(&link));
    placed.map_err(ReleaseError::at(&link))?;
    fail_point!("release-switched");
    Ok(())
}

/// A person leaves this release for another one: nothing returns to it by itself.
pub fn mark_bad(home: &Home, name: &str, why: &str, returned_to: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    let (why, returned_to) = (why.to_owned(), returned_to.to_owned());
    change(home, name, |release| {
        release.bad = Some(Bad { at: clock::now_ms(), why, returned_to, by_itself: false, reverted: None });
    })
}

/// A person wants this release all the same.
pub fn forgive(home: &Home, name: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    // The same executable under another name is the same one.
    let Some(wanted) = read(home, name) else { return Ok(()) };
    for same in all(home).into_iter().filter(|release| release.sha256 == wanted.sha256) {
        change(home, &same.name, |release| release.bad = None)?;
    }
    Ok(())
}
