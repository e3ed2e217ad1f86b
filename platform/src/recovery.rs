//! The recovery in progress: `run/recovery-in-progress` says that one process changes what all others run from or stand on, and
//! for how long at most. Whoever updates or rolls back waits for no recovery: he is refused and may ask again; a supervisor
//! that starts waits until it is over. It is *void* when its owner is dead or its time is up, so it needs no tidying.
//!
//! It is held by one process and may be taken again by the same one, also by what that process became by `exec`.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clock,
    home::Home,
    identity::{Identity, Living},
    lock::{Lock, Mode},
};

/// What is in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    pub owner: Identity,
    /// For people: `an update`.
    pub what: String,
    /// Unix milliseconds.
    pub since: i64,
    pub expires_at: i64,
}

impl Recovery {
    /// For people: who does what since when.
    pub fn words(&self) -> String {
        let seconds = (clock::now_ms() - self.since).max(0) / 1000;
        format!("{} is in progress (process {}, for {seconds} s)", self.what, self.owner.pid)
    }

    fn is_void(&self) -> bool {
        // A clock that was set back must not make it last for ever.
        let lasts = self.since..self.expires_at;
        !lasts.contains(&clock::now_ms()) || self.owner.living() == Living::No
    }
}

/// Why it was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// Another process does something of the kind.
    #[error("{}", .0.words())]
    Busy(Recovery),
    #[error("{path:?}: {error}")]
    File { path: PathBuf, error: std::io::Error },
}

/// A recovery in progress, until this value goes away.
#[derive(Debug)]
pub struct Hold {
    home: Home,
    own: Recovery,
    /// One of this process was in progress already; it goes on after this one.
    within: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.within
            && let Ok(Some(_turn)) = turn(&self.home)
            && read(&self.home).as_ref() == Some(&self.own)
        {
            let _ = std::fs::remove_file(self.home.recovery());
        }
    }
}

/// Takes it for so long at most, unless another living process has it.
pub fn take(home: &Home, what: &str, lasts: Duration) -> Result<Hold, RecoveryError> {
    let path = home.recovery();
    let failed = |error| RecoveryError::File { path: path.clone(), error };
    let owner = Identity::own().map_err(failed)?;
    let since = clock::now_ms();
    let lasts = i64::try_from(clock::scaled(lasts).as_millis()).unwrap_or(i64::MAX);
    let own = Recovery { owner, what: what.to_owned(), since, expires_at: since.saturating_add(lasts) };
    // Looking and writing are one step for all of us.
    let _turn = turn(home).map_err(failed)?.ok_or_else(|| failed(std::io::ErrorKind::ResourceBusy.into()))?;
    let before = in_progress(home);
    match before {
        Some(other) if other.owner != own.owner => return Err(RecoveryError::Busy(other)),
        Some(within) => return Ok(Hold { home: home.clone(), own: within, within: true }),
        None => {}
    }
    let bytes = serde_json::to_vec(&own).map_err(|error| failed(error.into()))?;
    // Not synced: what a power cut takes has no living owner either. Nobody else writes here in our turn.
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, &path)).map_err(failed)?;
    Ok(Hold { home: home.clone(), own, within: false })
}

/// What is in progress, if something is.
pub fn in_progress(home: &Home) -> Option<Recovery> {
    read(home).filter(|found| !found.is_void())
}

/// What another process has in progress.
pub fn of_another(home: &Home) -> Option<Recovery> {
    let own = Identity::own().ok();
    in_progress(home).filter(|found| Some(&found.owner) != own.as_ref())
}

/// What this process had in progress before it became what it is is over.
pub fn over(home: &Home) {
    if let (Some(found), Ok(own)) = (read(home), Identity::own())
        && found.owner == own
    {
        drop(Hold { home: home.clone(), own: found, within: false });
    }
}

fn read(home: &Home) -> Option<Recovery> {
    serde_json::from_slice(&std::fs::read(home.recovery()).ok()?).ok()
}

fn turn(home: &Home) -> std::io::Result<Option<Lock>> {
    Lock::take(&home.lock("recovery"), Mode::Exclusive)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        (folder, home)
    }

    /// Another process that has a recovery in progress, or had.
    fn other(home: &Home, change: impl FnOnce(&mut Recovery)) -> std::process::Child {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let owner = Identity::of(child.id().cast_signed()).unwrap().unwrap();
        let since = clock::now_ms();
        let mut recovery = Recovery { owner, what: "an update".into(), since, expires_at: since + 60_000 };
        change(&mut recovery);
        std::fs::write(home.recovery(), serde_json::to_vec(&recovery).unwrap()).unwrap();
        child
    }

    #[test]
    fn it_is_refused_while_a_living_other_has_it_and_free_when_that_one_is_dead() {
        let (_folder, home) = home();
        let mut child = other(&home, |_| {});
        let refused = take(&home, "a rollback", MINUTE).unwrap_err();
        assert!(
            refused.to_string().contains(&format!("an update is in progress (process {}", child.id())),
            "{refused}"
        );
        assert!(of_another(&home).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of_another(&home), None);
        drop(take(&home, "a rollback", MINUTE).unwrap());
        assert!(!home.recovery().exists(), "nothing is left behind");
    }

    #[test]
    fn one_whose_time_is_up_or_lies_ahead_is_void() {
        let (_folder, home) = home();
        for change in [-120_000, 3_600_000] {
            let mut child = other(&home, |recovery| {
                recovery.since += change;
                recovery.expires_at += change;
            });
            assert_eq!(in_progress(&home), None, "{change}");
            drop(take(&home, "a rollback", MINUTE).unwrap());
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn the_same_process_may_take_it_again_and_the_outer_one_ends_it() {
        let (_folder, home) = home();
        let outer = take(&home, "going back", MINUTE).unwrap();
        drop(take(&home, "a rung", MINUTE).unwrap());
        assert_eq!(in_progress(&home).unwrap().what, "going back");
        // As through exec, where nothing is dropped.
        std::mem::forget(outer);
        over(&home);
        assert_eq!(in_progress(&home), None);
    }

    #[test]
    fn a_damaged_file_is_nobodys() {
        let (_folder, home) = home();
        std::fs::write(home.recovery(), "{\"owner\": ").unwrap();
        let held = take(&home, "an update", MINUTE).unwrap();
        assert_eq!(in_progress(&home).unwrap().what, "an update");
        drop(held);
    }

    #[test]
    fn of_many_at_once_one_takes_it() {
        let (_folder, home) = home();
        // Threads are one process, and one process may take it again: so they ask for the file itself.
        let mut child = other(&home, |_| {});
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let home = home.clone();
                std::thread::spawn(move || take(&home, "a rollback", MINUTE).is_err())
            })
            .collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
