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
    if let Some(why) = why(&trial) {
        return Ok(releases::going_back::go_back(home, &why)?.is_some());
    }
    releases::trial::note(home, |trial| trial.starts = trial.starts.saturating_add(1))?;
    Ok(false)
}

/// Why this start goes back, for people.
fn why(trial: &Trial) -> Option<String> {
    let (faults, last) = (trial.together(), trial.last_fault());
    if faults >= crash::MANY {
        return Some(format!("on trial it fell over {faults} times; the last time {}", last.unwrap_or_default()));
    }
    let last = last.map(|last| format!("; the last fault: {last}")).unwrap_or_default();
    trial::goes_back_at_start(trial.starts)
        .then(|| format!("on trial its supervisor started {} times and did not get ready{last}", trial.starts))
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
        Err(refusal) => refusal.code == exit_code::DONE,
    };
    if asked {
        ready(home);
    }
}

/// Whether the release that runs here still has to prove itself.
pub(crate) fn is_on_trial(home: &Home) -> bool {
    own_trial(home).is_some()
}

/// The trial of the release that runs here.
fn own_trial(home: &Home) -> Option<Trial> {
    let own = release::current().name?;
    releases::trial::in_force(home).filter(|trial| trial.release == own)
}

#[cfg(test)]
mod tests {
    use agentlab_platform::{clock, releases::trial::Fault};

    use super::*;

    #[test]
    fn it_is_said_whether_it_was_left_for_its_faults_or_for_its_starts() {
        let fault = || Fault { at: clock::now_ms(), process: "worker-1".into(), why: "it broke".into() };
        let trial = |starts, faults: usize| Trial {
            release: "new".into(),
            from: "old".into(),
            switched_at: 0,
            starts,
            healthy_ms: 0,
            faults: (0..faults).map(|_| fault()).collect(),
        };
        assert_eq!(why(&trial(1, 2)), None);
        for starts in [0, 5] {
            let why = why(&trial(starts, 3)).unwrap();
            assert_eq!(why, "on trial it fell over 3 times; the last time worker-1: it broke");
        }
        let why = why(&trial(2, 1)).unwrap();
        assert_eq!(
            why,
            "on trial its supervisor started 2 times and did not get ready; the last fault: worker-1: it broke"
        );
    }
}
