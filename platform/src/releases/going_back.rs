//! Going back to an earlier release: three steps, each of which may be the last one before a power cut. The release that is left
//! is marked bad, with where it is gone back to; the link is switched; the trial is over. Whoever starts next and finds a bad
//! release in place does what is missing.

use std::time::Duration;

use fail::fail_point;

use super::{Bad, Release, ReleaseError, all, change, current, read, switch::switch_in_turn, target, trial, turn};
use crate::{clock, home::Home, recovery};

/// How long it may be in progress: until everything runs from the earlier release.
pub const LASTS: Duration = Duration::from_mins(2);
/// For so long the owner is told of it, if he could not be before.
const TOLD_MS: i64 = 24 * 3_600_000;

/// A return that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The release that was left.
    pub left: Release,
    pub to: Release,
}

/// Goes back from the release in place because of `why`; `None` where there is nothing to go back to. A recovery is in progress
/// from then on, and the caller says when everything is back (`recovery::over`).
pub fn go_back(home: &Home, why: &str) -> Result<Option<Returned>, ReleaseError> {
    let Some(left) = current(home) else { return Ok(None) };
    let Some(to) = target(home, &left) else { return Ok(None) };
    let held = recovery::take(home, "a return to an earlier release", LASTS);
    // Until it is over; it may go on through an `exec`.
    std::mem::forget(held.map_err(|error| ReleaseError::Refused(error.to_string()))?);
    leave(home, &left, &to, why, true)?;
    Ok(Some(Returned { left, to }))
}

/// Goes back from a release on trial for somebody who is not its supervisor; `None` where it is on trial no more, or where there
/// is nothing to go back to. Of several who do so at once one does it: whoever comes second finds no trial of this release.
pub fn go_back_from(home: &Home, release: &str, why: &str) -> Result<Option<Returned>, ReleaseError> {
    let refused = |error: recovery::RecoveryError| ReleaseError::Refused(error.to_string());
    let _held = recovery::take(home, "a return to an earlier release", LASTS).map_err(refused)?;
    let Some(left) = trial::in_force(home).filter(|trial| trial.release == release).and_then(|_| current(home)) else {
        return Ok(None);
    };
    let Some(to) = target(home, &left) else { return Ok(None) };
    leave(home, &left, &to, why, true)?;
    Ok(Some(Returned { left, to }))
}

/// Leaves one release for another. `by_itself`: no person asked for it.
pub fn leave(home: &Home, left: &Release, to: &Release, why: &str, by_itself: bool) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    let bad = Bad { at: clock::now_ms(), why: why.to_owned(), returned_to: to.name.clone(), by_itself, reverted: None };
    change(home, &left.name, |release| release.bad = Some(bad))?;
    fail_point!("release-left");
    finish(home, &to.name)
}

/// Does what is missing of a return that was cut off: nothing bad stays in place.
pub fn complete(home: &Home) -> Result<(), ReleaseError> {
    let Some(bad) = current(home).and_then(|current| current.bad) else { return Ok(()) };
    if read(home, &bad.returned_to).is_none() {
        return Ok(());
    }
    let _turn = turn(home)?;
    finish(home, &bad.returned_to)
}

fn finish(home: &Home, to: &str) -> Result<(), ReleaseError> {
    switch_in_turn(home, to)?;
    trial::end(home)
}

/// The returns of the last day that nobody asked for, with the words for the owner and a key for each.
pub fn untold(home: &Home) -> Vec<(String, String)> {
    let since = clock::now_ms() - TOLD_MS;
    let told = |release: Release| {
        let bad = release.bad.clone().filter(|bad| bad.by_itself && bad.at >= since)?;
        let words = format!(
            "agentlab: release {} was left ({}); what runs now is release {}. Running tasks went on. `agentlab update` takes \
             the next one.",
            release.words(),
            bad.why,
            bad.returned_to
        );
        Some((format!("returned:{}:{}", release.name, bad.at), words))
    };
    all(home).into_iter().filter_map(told).collect()
}

/// The releases that were left by themselves within the last day, with what was gone back to, whose commits nobody has tried to
/// revert.
pub fn unreverted(home: &Home) -> Vec<(Release, Release)> {
    let since = clock::now_ms() - TOLD_MS;
    let untried = |release: Release| {
        let bad = release.bad.as_ref().filter(|bad| bad.by_itself && bad.at >= since && bad.reverted.is_none())?;
        let to = read(home, &bad.returned_to)?;
        Some((release, to))
    };
    all(home).into_iter().filter_map(untried).collect()
}

/// Notes what came of the revert of a release's commit.
pub fn reverted(home: &Home, name: &str, words: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    change(home, name, |release| {
        if let Some(bad) = &mut release.bad {
            bad.reverted = Some(words.to_owned());
        }
    })
}

/// The names of the releases that were left by themselves: whoever still runs one makes place.
pub fn left(home: &Home) -> Vec<String> {
    let own = |release: &Release| release.bad.as_ref().is_some_and(|bad| bad.by_itself);
    let current = current(home).map(|current| current.name);
    all(home)
        .into_iter()
        .filter(own)
        .map(|release| release.name)
        .filter(|name| Some(name) != current.as_ref())
        .collect()
}
