//! What a supervisor notes about the release that it runs.

use super::{Fit, Release, ReleaseError, change, read, turn};
use crate::{clock, home::Home};

/// What an executable said of itself is what its release is called.
pub fn described(home: &Home, name: &str, fit: &Fit) -> Result<Release, ReleaseError> {
    let _turn = turn(home)?;
    change(home, name, |release| {
        release.version.clone_from(&fit.version);
        // Of a checkout that has changed files nobody can say which commit it is.
        if release.source.is_none() {
            release.commit.clone_from(&fit.commit);
        }
    })?;
    read(home, name).ok_or_else(|| ReleaseError::Refused(format!("release {name} is gone")))
}

/// Everything was ready under this release.
pub fn ran(home: &Home, name: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    change(home, name, |release| {
        release.ran_at.get_or_insert_with(clock::now_ms);
    })
}

/// It has been healthy for long enough.
pub fn healthy(home: &Home, name: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    change(home, name, |release| {
        release.healthy_at.get_or_insert_with(clock::now_ms);
    })
}
