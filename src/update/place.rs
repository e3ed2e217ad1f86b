//! What `update` and `rollback` share: nobody else may be changing what runs, everything is asked to start again, and what came
//! of it is said.

use std::time::Duration;

use agentlab_domain::exit_code;
use agentlab_platform::{
    clock,
    db::update::Change,
    home::Home,
    life::Refusal,
    lock,
    recovery::{self, RecoveryError},
    releases::{Release, ReleaseError, trial},
};
use serde_json::json;

use crate::{failure::Failure, print, system::System};

/// How long the change itself may take, without what comes before and after.
pub const LASTS: Duration = Duration::from_mins(2);

/// Refuses while another process changes what runs.
pub fn is_free(home: &Home) -> Result<(), Failure> {
    match recovery::of_another(home) {
        Some(other) => Err(refused(RecoveryError::Busy(other))),
        None => Ok(()),
    }
}

/// Why the change is not begun.
pub fn refused(error: RecoveryError) -> Failure {
    match error {
        RecoveryError::Busy(other) => {
            let message = format!("nothing was changed: {}. Try again when it is over", other.words());
            Refusal { code: exit_code::ALREADY_RUNNING, message }.into()
        }
        RecoveryError::File { .. } => Refusal::unavailable(error).into(),
    }
}

impl From<ReleaseError> for Failure {
    fn from(error: ReleaseError) -> Self {
        Self::Refused(Refusal::unavailable(error))
    }
}

/// Notes what was put in place and has everything started again from it; `None` where nothing runs.
pub async fn restart(system: &System, change: Change, release: &Release) -> Result<Option<i64>, Failure> {
    let runs = lock::is_held(&system.home.lock("up")).unwrap_or(true);
    Ok(system.db.put_in_place(change, "the terminal", &release.name, runs).await?)
}

/// Says what runs from now on.
pub fn say(release: &Release, from: &Release, state: &str, words: &str, as_json: bool) -> Result<u8, Failure> {
    if as_json {
        let trial = Home::open().ok().and_then(|home| trial::in_force(&home));
        print::json(&json!({ "release": release, "from": from.name, "state": state, "trial": trial, "words": words }))?;
    } else {
        print::line(words);
    }
    Ok(exit_code::DONE)
}

/// How long ago that was, for people.
pub fn ago(at: i64) -> String {
    let minutes = (clock::now_ms() - at).max(0) / 60_000;
    match minutes {
        0 => "just now".into(),
        1..120 => format!("{minutes} minutes ago"),
        120..2880 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}
