//! Going back to an earlier release: when a trial failed, and as the fourth rung of the ladder. The link is switched and the
//! release that is left is marked bad; whoever still runs it then makes place, the supervisor first of all. Files only: it works
//! while the database is locked.

use agentlab_domain::{ladder::Rung, role::Post, trial};
use agentlab_platform::{clock, crash_history, home::Home, releases};

use crate::{
    alerts::Alerts,
    keeper::{Keeper, Passed},
};

/// Goes back because of `why`; says in words what was done, nothing where there is nothing to go back to.
pub(crate) fn go_back(keeper: &Keeper<'_>, why: &str) -> Option<String> {
    let home = &keeper.life.home;
    let returned = match releases::going_back::go_back(home, why) {
        Ok(Some(returned)) => returned,
        Ok(None) => {
            nowhere(keeper, why);
            return None;
        }
        Err(error) => {
            tracing::error!(%error, why, "cannot go back to an earlier release now");
            return None;
        }
    };
    let words = format!("went back from release {} to {}: {why}", returned.left.words(), returned.to.words());
    tracing::error!("{words}");
    tell(home, &keeper.alerts);
    Some(words)
}

/// The fourth rung, for the component at `post`.
pub(crate) fn by_rung(keeper: &Keeper<'_>, post: Post) -> Vec<String> {
    let home = &keeper.life.home;
    let Some(current) = releases::current(home) else { return Vec::new() };
    let suspect = is_suspect(home, &current.name);
    let allowed = keeper.life.config.recovery.auto_revert;
    if !trial::rung_returns(current.healthy_at.is_some(), suspect, allowed) {
        return Vec::new();
    }
    // On trial it counts what the release did, not what somebody did to it.
    let trial = releases::trial::in_force(home);
    if trial.as_ref().is_some_and(|trial| trial.faults.is_empty()) {
        return Vec::new();
    }
    let last = trial.and_then(|trial| trial.last_fault()).map(|last| format!("; the last fault: {last}"));
    go_back(keeper, &format!("{post} does not stay up{}", last.unwrap_or_default())).into_iter().collect()
}

/// The same for what fell over although that rung was taken: with each fall more speaks against the release.
pub(crate) fn by_falls(keeper: &Keeper<'_>, passed: &Passed) {
    let above = |post: &Post| keeper.posts.get(post).is_some_and(|state| state.climb.taken > Some(Rung::Release));
    for post in passed.fallen.iter().map(|fallen| fallen.post).filter(above) {
        let done = by_rung(keeper, post);
        if !done.is_empty() {
            keeper.recorder.recovered(post, Rung::Release, true, done.join("; "));
        }
    }
}

/// Whether the release came under suspicion within the last half hour.
fn is_suspect(home: &Home, name: &str) -> bool {
    let since = clock::now_ms() - crash_history::spans().together_ms;
    let entries = crash_history::read(home);
    entries.iter().any(|entry| entry.suspect && entry.at >= since && entry.commit.as_deref() == Some(name))
}

/// A trial that failed where nothing is to be gone back to ends, and the owner hears of it.
fn nowhere(keeper: &Keeper<'_>, why: &str) {
    let home = &keeper.life.home;
    let Some(trial) = releases::trial::in_force(home) else { return };
    if let Err(error) = releases::trial::give_up(home) {
        tracing::error!(%error, "a trial that failed cannot be ended");
    }
    let words = format!(
        "agentlab: release {} does not work ({why}), and there is no earlier one to go back to. `agentlab doctor` says what is \
         wrong; `agentlab update` takes another one.",
        trial.release
    );
    tracing::error!("{words}");
    keeper.alerts.tell(format!("nowhere:{}:{}", trial.release, trial.switched_at), words);
}

/// Tells the owner of returns that he may not have heard of: whoever went back may have ended right after it.
pub(crate) fn tell(home: &Home, alerts: &Alerts) {
    for (key, words) in releases::going_back::untold(home) {
        alerts.tell(key, words);
    }
}
