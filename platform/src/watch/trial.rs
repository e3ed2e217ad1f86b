//! Leaving a release on trial whose supervisor does not come back under a service manager: it may be unable to run any code of
//! ours, so bot and console do it in its place. When is decided in `agentlab_domain::watch::absence`. The manager's next start is
//! then of the earlier release. Without a manager nobody has to come back: somebody may have ended `up`.

use std::time::Duration;

use agentlab_domain::{
    alert::words::span,
    watch::{
        Held,
        absence::{Absence, Found, Limits, Why},
    },
};

use crate::{
    alert::{Alert, Desk},
    clock,
    home::Home,
    identity::{Identity, Living},
    pulse::Beat,
    recovery, releases,
    releases::trial::Trial,
    spawn,
};

/// Tests shorten no further: a manager waits its 10 seconds all the same.
const SHORTEST: Duration = Duration::from_secs(20);

/// What this process knows of the supervisor of a release on trial.
#[derive(Debug, Default)]
pub(super) struct OnTrial {
    absence: Absence,
    /// The release that this is about.
    of: String,
}

impl OnTrial {
    /// Looks once; `beat` is what stands in the pulse of the supervisor, whoever wrote it.
    pub(super) fn look(
        &mut self,
        home: &Home,
        desk: &Desk,
        beat: Option<&Beat>,
        held: Held,
        (passed, every): (Duration, Duration),
    ) {
        let Some(trial) = releases::trial::in_force(home) else {
            *self = Self::default();
            return;
        };
        if self.of != trial.release {
            *self = Self { of: trial.release.clone(), ..Self::default() };
        }
        let limits = Limits::default();
        let limits = Limits {
            gone: clock::scaled(limits.gone).max(SHORTEST),
            unready: clock::scaled(limits.unready).max(SHORTEST),
        };
        let (absence, why) = self.absence.look(found(home, beat, held), passed, every, limits);
        self.absence = absence;
        let Some(why) = why else { return };
        self.absence = Absence::default();
        // Not every manager ends what hangs before it is ready.
        if leave(home, desk, &trial, why)
            && let Some(hangs) = beat.filter(|beat| is_of_no_use(beat))
        {
            spawn::signal(&hangs.identity, spawn::Wish::Kill);
        }
    }
}

/// The process of this beat lives and is no supervisor yet, or no longer: who becomes another program keeps his identity.
fn is_of_no_use(beat: &Beat) -> bool {
    (beat.ended || !beat.ready && beat.note.is_none()) && beat.identity.living() == Living::Yes
}

fn found(home: &Home, beat: Option<&Beat>, held: Held) -> Found {
    let Some(beat) = beat.filter(|beat| beat.kept_by.is_some()) else { return Found::NotAwaited };
    // Who was asked to end before the machine was started again is to come back all the same.
    if beat.asked && Identity::own().is_ok_and(|own| own.boot == beat.identity.boot) {
        return Found::NotAwaited;
    }
    let is_here = beat.identity.living() == Living::Yes && !beat.ended;
    if recovery::of_another(home).is_some() || is_here && beat.note.is_some() {
        return Found::Excused;
    }
    match held {
        Held::Yes if is_here && beat.ready => Found::Ready,
        Held::Yes if beat.identity.living() == Living::CannotTell => Found::Excused,
        Held::Yes => Found::Unready,
        Held::No => Found::Gone,
        Held::CannotTell => Found::Excused,
    }
}

/// True when it was left here.
fn leave(home: &Home, desk: &Desk, trial: &Trial, why: Why) -> bool {
    let last = trial.last_fault().map(|last| format!("; the last fault: {last}")).unwrap_or_default();
    let why = match why {
        Why::Gone(away) => format!("on trial its supervisor did not come back within {}{last}", span(away)),
        Why::Unready(away) => format!("on trial its supervisor was not ready for {}{last}", span(away)),
    };
    let left = match releases::going_back::go_back_from(home, &trial.release, &why) {
        Ok(Some(returned)) => {
            let (left, to) = (returned.left.words(), returned.to.words());
            tracing::error!("went back from release {left} to {to}: {why}");
            true
        }
        Ok(None) => {
            tracing::error!(release = trial.release, why, "it was left by somebody else, or there is no earlier one");
            false
        }
        Err(error) => {
            tracing::error!(%error, why, "cannot go back to an earlier release now");
            false
        }
    };
    for (key, words) in releases::going_back::untold(home) {
        desk.tell(&Alert::once(key, words));
    }
    left
}
