//! The start of a supervisor on trial: each start is counted before anything else is done, and the count is undone when all is
//! ready or somebody has ended it. So a release that cannot even start is left by its own third start, whoever starts it.

use agentlab_domain::{
    crash, exit_code,
    role::{Post, Role},
    trial,
};
use agentlab_platform::{
    crash_history,
    home::Home,
    kept,
    life::Refusal,
    pulse, release,
    releases::{self, ReleaseError, trial::Trial},
};

use crate::Ended;

const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };

/// Counts this start. True when the release that runs here was left, and the one that was gone back to takes its place.
pub(crate) fn begin(home: &Home) -> bool {
    counted(home).unwrap_or_else(|error| {
        tracing::error!(%error, "the start of a release on trial cannot be counted");
        false
    })
}

fn counted(home: &Home) -> Result<bool, ReleaseError> {
    let Some(trial) = own_trial(home) else { return Ok(false) };
    let trial = died(home)?.unwrap_or(trial);
    let faults = trial.together();
    if trial::goes_back_at_start(trial.starts) || faults >= crash::MANY {
        let last = trial.last_fault().map(|last| format!("; the last fault: {last}")).unwrap_or_default();
        let why = format!("on trial its supervisor started {} times and did not get ready{last}", trial.starts);
        return Ok(releases::going_back::go_back(home, &why)?.is_some());
    }
    releases::trial::note(home, |trial| trial.starts = trial.starts.saturating_add(1))?;
    Ok(false)
}

/// A supervisor of this release that fell over before this one. Who stands by knows how it ended and notes it himself; a service
/// manager does not tell.
fn died(home: &Home) -> Result<Option<Trial>, ReleaseError> {
    let before = pulse::read(home, SUPERVISOR).filter(|beat| beat.commit.as_deref() == release::current().name);
    let death =
        before.as_ref().filter(|_| kept::by().is_some()).and_then(|beat| crash_history::left_behind(SUPERVISOR, beat));
    match death.filter(|death| !death.asked && death.was_ready == Some(true)) {
        Some(_) => releases::trial::fault(home, "supervisor", "it ended, and nobody had asked for it"),
        None => Ok(None),
    }
}

/// Everything is ready: this start came to something.
pub(crate) fn ready(home: &Home) {
    if own_trial(home).is_some_and(|trial| trial.starts > 0)
        && let Err(error) = releases::trial::note(home, |trial| trial.starts = 0)
    {
        tracing::warn!(%error, "that a release on trial is ready cannot be noted");
    }
}

/// How a supervisor ended says whether its start counts: an end that was asked for is no fault.
pub(crate) fn ended(home: &Home, ended: &Result<Ended, Refusal>) {
    let asked = match ended {
        Ok(Ended::Stopped | Ended::Replaced) => true,
        Err(refusal) => [exit_code::DONE, exit_code::RESTART].contains(&refusal.code),
    };
    if asked {
        ready(home);
    }
}

/// The trial of the release that runs here.
fn own_trial(home: &Home) -> Option<Trial> {
    let own = release::current().name?;
    releases::trial::in_force(home).filter(|trial| trial.release == own)
}
