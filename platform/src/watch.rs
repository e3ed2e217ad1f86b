//! Who watches the watcher: bot and console look at the supervisor's life every two seconds and tell the owner by themselves
//! when it is dead or hangs, on every channel. What a look means is decided in `agentlab_domain::watch`. It needs no database.
//!
//! The supervisor of `up` is meant: whoever holds the lock "up". A private system has none, and no bot to watch it.

mod trial;

use std::{collections::BTreeMap, time::Duration, time::Instant};

use agentlab_domain::{
    alert::{Rule, Severity, delivery::Occasion, words::span},
    hang::Standing,
    role::{Post, Role},
    watch::{self, Action, Held, Look, PATIENCE, Patience, Verdict, Watch},
};
use tokio::task::JoinHandle;

use crate::{
    alert::{Alert, Desk},
    clock, failpoints,
    home::Home,
    life::{Stop, Taken},
    lock,
    pulse::{self, Beat, Turns, limit},
    spawn,
};

const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };
/// The name of the loop.
pub const LOOP: &str = "watch";
/// Tests shorten looks and patience no further: several beats fit into them.
const SHORTEST: Patience = Patience { proved: Duration::from_secs(3), silent: Duration::from_secs(5) };
const SHORTEST_EVERY: Duration = Duration::from_millis(400);
/// What lasts is handed over again: what was told in vain, or long ago.
const AGAIN: Duration = Duration::from_secs(15);
/// What one look may take, with its wait.
const TURN: Duration = Duration::from_secs(30);

/// The watch of this process; it ends with this value.
#[derive(Debug)]
pub struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to watch the supervisor, until this process is asked to stop.
pub fn begin(taken: &Taken) -> Watcher {
    let (turns, stop) = (taken.pulse.turns(LOOP), taken.stop());
    let desk = Desk::begin(&taken.home, &taken.config, |name| taken.pulse.turns(name));
    Watcher(tokio::spawn(keep(taken.home.clone(), desk, turns, stop)))
}

/// What is told as long as it lasts, by its key: since when, and when it was handed over last.
type Told = BTreeMap<String, (Alert, Instant, Instant)>;

async fn keep(home: Home, desk: Desk, turns: Turns, mut stop: Stop) {
    let every = clock::scaled(watch::EVERY).max(SHORTEST_EVERY);
    let patience = Patience {
        proved: clock::scaled(PATIENCE.proved).max(SHORTEST.proved),
        silent: clock::scaled(PATIENCE.silent).max(SHORTEST.silent),
    };
    let mut last = clock::instant();
    let (mut watched, mut of, mut told) = (Watch::default(), None, Told::new());
    let mut on_trial = trial::OnTrial::default();
    while !stop.is_asked_to_finish() {
        turns.turn(limit::within(watch::EVERY + TURN));
        failpoints::freeze("watch-sweep").await;
        let found = pulse::read(&home, SUPERVISOR);
        let passed = clock::instant().duration_since(last);
        last = clock::instant();
        let look = look(&home, found.as_ref(), watched.life());
        on_trial.look(&home, &desk, found.as_ref(), look.held, (passed, every));
        let (next, verdict) = watched.look(look, passed, every, patience);
        watched = next;
        // The last pulse of whoever is watched.
        of = found.filter(|beat| watched.life() == Some(beat.name.as_str())).or(of);
        if let Some(beat) = &of {
            act(&verdict, watched.wrong_for(), beat, &desk, &mut told);
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.asked_to_finish() => {}
        }
    }
    turns.rest();
}

/// Looks once. A life that is known is proved by its process; only a doubt asks the lock, since whoever asks holds it for
/// a moment.
fn look<'a>(home: &Home, beat: Option<&'a Beat>, known: Option<&str>) -> Look<'a> {
    let standing = beat.map_or(Standing::CannotTell, |beat| beat.identity.standing());
    let ends = beat.is_some_and(|beat| beat.ended);
    let beat = beat.map(|beat| watch::Beat {
        name: &beat.name,
        standing,
        beats: beat.beats,
        late: beat.latest().map(|(name, _)| (name, beat.loops.get(name).map_or(0, |turns| turns.turns))),
    });
    let lives = matches!(standing, Standing::Running | Standing::Blocked | Standing::Stopped);
    // Who said that he ends may have become another program, which is no supervisor.
    let held = if lives && !ends && beat.is_some_and(|beat| known == Some(beat.name)) {
        Held::Yes
    } else {
        // Bot and console ask at the same moments.
        match lock::is_held_alone(&home.lock("up")) {
            Ok(true) => Held::Yes,
            Ok(false) => Held::No,
            Err(_) => Held::CannotTell,
        }
    };
    Look { held, beat }
}

/// Ends a supervisor that is proved to hang where somebody starts it anew, and tells of it for as long as it lasts.
fn act(verdict: &Verdict, wrong_for: Duration, beat: &Beat, desk: &Desk, told: &mut Told) {
    let kept_by = beat.kept_by.as_deref();
    let words = watch::words(verdict, beat.identity.pid, kept_by);
    let key = watch::key(verdict, &beat.name);
    let now = clock::instant();
    // Another life, or the same one that goes on: what was said of it is over. What took its place is said by itself.
    for (_, (alert, since, _)) in told.extract_if(.., |known, _| *known != key) {
        if words.is_none() {
            let words = format!("agentlab: the supervisor is well again, after {}.", span(since.elapsed()));
            desk.tell(&Alert { words, occasion: Occasion::Over, ..alert });
        } else {
            desk.book().over(&alert.key);
        }
    }
    let Some(words) = words else { return };
    if let Some((alert, _, last)) = told.get_mut(&key) {
        if last.elapsed() >= clock::scaled(AGAIN) {
            *last = now;
            desk.tell(alert);
        }
        return;
    }
    let action = watch::action(verdict, kept_by.is_some());
    tracing::error!(?verdict, ?action, "{words}");
    match action {
        Action::Nothing => return,
        Action::Tell => {}
        Action::End => spawn::signal(&beat.identity, spawn::Wish::Kill),
    }
    let alert = Alert {
        rule: rule(verdict),
        severity: Severity::Critical,
        subject: SUPERVISOR.to_string(),
        occasion: Occasion::Lasts,
        held: wrong_for,
        ..Alert::once(key.clone(), words)
    };
    desk.tell(&alert);
    told.insert(key, (alert, now.checked_sub(wrong_for).unwrap_or(now), now));
}

/// A supervisor whose loop is late looks no more; one that is dead, or stands still, is away.
const fn rule(verdict: &Verdict) -> Rule {
    match verdict {
        Verdict::Well | Verdict::Gone | Verdict::Stopped => Rule::ComponentDown,
        Verdict::Late { .. } | Verdict::Silent => Rule::DetectorSilent,
    }
}
