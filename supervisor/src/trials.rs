//! The trial of the release in place, looked at with every pass: faults are noted, time in which all was well is counted, and
//! what `domain::trial` says about it is done. Nothing of it needs the database.
//!
//! All is *well* while every wanted post has a ready process of that release, and this supervisor is of it too.

use std::time::Duration;

use agentlab_domain::{
    fall::Ended,
    health::age,
    role::Post,
    trial::{self, Limits, Seen, Verdict, Why},
};
use agentlab_platform::{
    clock, recovery, release,
    releases::{self, Release, ReleaseError, trial::Trial},
};

use crate::{
    going_back::{self, go_back},
    keeper::{self, Keeper, Passed},
    post::Fallen,
    revert,
};

/// Between two notes of how long it has been healthy.
const NOTED: Duration = Duration::from_secs(10);

/// What this supervisor knows of the trial, beside what is written.
#[derive(Debug)]
pub(crate) struct Trials {
    looked_at: i64,
    /// The release that this is about.
    of: String,
    unready_for: Duration,
    /// Health that is not written yet.
    healthy_for: Duration,
    /// A return may still be in progress.
    returning: bool,
}

impl Trials {
    pub(crate) fn new() -> Self {
        let nothing = Duration::ZERO;
        Self {
            looked_at: clock::monotonic_ms(),
            of: String::new(),
            unready_for: nothing,
            healthy_for: nothing,
            returning: true,
        }
    }

    /// Looks once. True when this supervisor is of a release that was left, and another one is to take its place.
    pub(crate) fn look(&mut self, keeper: &Keeper<'_>, passed: &Passed) -> bool {
        let now = clock::monotonic_ms();
        let since = Duration::from_millis(u64::try_from(now - self.looked_at).unwrap_or_default());
        self.looked_at = now;
        let home = &keeper.life.home;
        if let Err(error) = releases::going_back::complete(home) {
            tracing::warn!(%error, "a bad release is still in place");
        }
        let Some(current) = releases::current(home) else { return false };
        if self.of != current.name {
            *self = Self { looked_at: now, of: current.name.clone(), returning: self.returning, ..Self::new() };
        }
        let own = release::current().name;
        if own.is_some_and(|own| keeper.left.iter().any(|left| left == own)) {
            return true;
        }
        if self.returning && passed.all_ready {
            recovery::over(home);
            self.returning = false;
            revert::begin(keeper);
        }
        let well = passed.all_ready && own == Some(current.name.as_str()) && keeper.all_run(&current.name);
        let every = clock::scaled(keeper::LOOK);
        self.healthy_for += age(Duration::ZERO, well, since, every);
        // A database that somebody keeps locked keeps every release from being ready.
        self.unready_for =
            age(self.unready_for, !passed.unready.is_empty() && !keeper.holders.is_locked(), since, every);
        if let Err(error) = self.judge(keeper, passed, &current, well) {
            tracing::error!(%error, "the trial of a release cannot be kept");
        }
        false
    }

    fn judge(
        &mut self,
        keeper: &Keeper<'_>,
        passed: &Passed,
        current: &Release,
        well: bool,
    ) -> Result<(), ReleaseError> {
        let home = &keeper.life.home;
        if well && current.ran_at.is_none() {
            releases::ran(home, &current.name)?;
        }
        for (process, why) in faults(passed, &current.name) {
            if let Some(trial) = releases::trial::fault(home, &process, &why)? {
                self.healthy_for = Duration::ZERO;
                tracing::error!(process, why, faults = trial.together(), "a fault of the release on trial");
            }
        }
        let limits = Limits { healthy: clock::scaled(trial::HEALTHY), unready: clock::scaled(trial::UNREADY) };
        let Some(trial) = releases::trial::in_force(home) else {
            going_back::by_falls(keeper, passed);
            if current.healthy_at.is_none() && self.healthy_for >= limits.healthy {
                releases::healthy(home, &current.name)?;
            }
            return Ok(());
        };
        let healthy_for = Duration::from_millis(trial.healthy_ms) + self.healthy_for;
        let seen = Seen { faults: trial.together(), unready_for: self.unready_for, healthy_for };
        match trial::judge(seen, limits) {
            Verdict::Continue if self.healthy_for >= clock::scaled(NOTED) => {
                let healthy = u64::try_from(healthy_for.as_millis()).unwrap_or(u64::MAX);
                releases::trial::note(home, |trial| trial.healthy_ms = healthy)?;
                self.healthy_for = Duration::ZERO;
            }
            Verdict::Continue => {}
            Verdict::Passed => {
                tracing::warn!(release = current.name, "the release has passed its trial");
                releases::trial::pass(home, &current.name)?;
                releases::tidy(home);
            }
            Verdict::Failed(why) => {
                go_back(keeper, &words(why, &trial, &passed.unready));
                self.returning = true;
            }
        }
        Ok(())
    }
}

/// Why a trial failed, for people.
pub(crate) fn words(why: Why, trial: &Trial, unready: &[Post]) -> String {
    match why {
        Why::Faults(times) => {
            let last = trial.last_fault().unwrap_or_default();
            format!("on trial it fell over {times} times; the last time {last}")
        }
        Why::Unready(limit) => {
            let who: Vec<String> = unready.iter().map(ToString::to_string).collect();
            format!("on trial {} did not get ready within {} s", who.join(", "), limit.as_secs())
        }
    }
}

/// What the release brought upon itself in this pass: which process, and why.
fn faults(passed: &Passed, release: &str) -> Vec<(String, String)> {
    let fallen = passed.fallen.iter().filter(|fallen| is_fault(fallen, release));
    let fallen = fallen.map(|fallen| (fallen.post.to_string(), fallen.how().unwrap_or_default()));
    let started = passed.not_started.iter().map(|(post, words)| (post.to_string(), words.clone()));
    fallen.chain(started).collect()
}

fn is_fault(fallen: &Fallen, release: &str) -> bool {
    let person = fallen.person.as_ref();
    let beat = person.and_then(|person| person.beat.as_ref());
    // Who said nothing of himself was started from what is in place.
    let is_of_it = beat.is_none_or(|beat| beat.commit.as_deref() == Some(release));
    let ended = fallen.status.map_or(Ended::NobodyKnows, crate::post::ended);
    is_of_it && trial::is_fault(fallen.fall, ended, person.and_then(|person| person.hang))
}

impl Keeper<'_> {
    /// Whether whoever is at a wanted post is of this release.
    fn all_run(&self, release: &str) -> bool {
        self.posts.values().filter(|state| state.wanted).all(|state| {
            let beat = state.person.as_ref().and_then(|person| person.beat.as_ref());
            beat.is_some_and(|beat| beat.commit.as_deref() == Some(release))
        })
    }
}
