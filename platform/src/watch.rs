//! Who watches the watcher: bot and console look at the supervisor's life every two seconds and tell the owner by themselves
//! when it is dead or hangs. What a look means is decided in `agentlab_domain::watch`. It needs no database.
//!
//! The supervisor of `up` is meant: whoever holds the lock "up". A private system has none, and no bot to watch it.

use std::{collections::BTreeMap, time::Duration, time::Instant};

use agentlab_domain::{
    hang::Standing,
    role::{Post, Role},
    watch::{self, Action, Held, Look, PATIENCE, Patience, Verdict, Watch},
};
use tokio::task::JoinHandle;

use crate::{
    alert::{self, Told},
    clock,
    config::Config,
    failpoints,
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
/// After a message that Telegram did not take.
const AGAIN: Duration = Duration::from_secs(15);

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
    Watcher(tokio::spawn(keep(taken.home.clone(), taken.config.clone(), turns, stop)))
}

/// What the owner is still to be told, and when that is tried.
type Owed = BTreeMap<String, (String, Option<Instant>)>;

async fn keep(home: Home, config: Config, turns: Turns, mut stop: Stop) {
    let every = clock::scaled(watch::EVERY).max(SHORTEST_EVERY);
    let patience = Patience {
        proved: clock::scaled(PATIENCE.proved).max(SHORTEST.proved),
        silent: clock::scaled(PATIENCE.silent).max(SHORTEST.silent),
    };
    let mut last = clock::instant();
    let (mut watched, mut of, mut owed) = (Watch::default(), None, Owed::new());
    while !stop.is_asked_to_finish() {
        // A sweep is a look, the wait for the next one, and a message for each thing that is wrong.
        turns.turn(limit::within(watch::EVERY + alert::ANSWER * 4));
        failpoints::freeze("watch-sweep").await;
        let found = pulse::read(&home, SUPERVISOR);
        let passed = clock::instant().duration_since(last);
        last = clock::instant();
        let look = look(&home, found.as_ref(), watched.life());
        let (next, verdict) = watched.look(look, passed, every, patience);
        watched = next;
        // The last pulse of whoever is watched.
        of = found.filter(|beat| watched.life() == Some(beat.name.as_str())).or(of);
        if let Some(beat) = &of {
            act(&verdict, beat, &mut owed);
        }
        tell(&home, &config, &mut owed).await;
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
    let beat = beat.map(|beat| watch::Beat {
        name: &beat.name,
        standing,
        beats: beat.beats,
        late: beat.latest().map(|(name, _)| (name, beat.loops.get(name).map_or(0, |turns| turns.turns))),
    });
    let lives = matches!(standing, Standing::Running | Standing::Blocked | Standing::Stopped);
    let held = if lives && beat.is_some_and(|beat| known == Some(beat.name)) {
        Held::Yes
    } else {
        match lock::is_held(&home.lock("up")) {
            Ok(true) => Held::Yes,
            Ok(false) => Held::No,
            Err(_) => Held::CannotTell,
        }
    };
    Look { held, beat }
}

/// Ends a supervisor that is proved to hang where somebody starts it anew, and notes what is to be told.
fn act(verdict: &Verdict, beat: &Beat, owed: &mut Owed) {
    let kept_by = beat.kept_by.as_deref();
    let action = watch::action(verdict, kept_by.is_some());
    let Some(words) = watch::words(verdict, beat.identity.pid, kept_by) else { return };
    let key = format!("supervisor-{}.{}", verdict.as_str(), beat.name);
    if owed.contains_key(&key) {
        return;
    }
    tracing::error!(?verdict, ?action, "{words}");
    match action {
        Action::Nothing => return,
        Action::Tell => {}
        Action::End => spawn::signal(&beat.identity, spawn::Wish::Kill),
    }
    owed.insert(key, (words, Some(clock::instant())));
}

/// Tells what is owed; what was told stays noted, so that it is not asked for again in this life.
async fn tell(home: &Home, config: &Config, owed: &mut Owed) {
    for (key, (words, due)) in owed.iter_mut().filter(|(_, (_, due))| due.is_some_and(|due| due <= clock::instant())) {
        *due = match alert::owner(home, config, key, words).await {
            Ok(Told::Now | Told::Before | Told::Nobody) => None,
            Ok(Told::NotYet) => Some(clock::instant()),
            Err(error) => {
                tracing::warn!(%error, "the owner does not know yet; I try again");
                Some(clock::instant() + clock::scaled(AGAIN))
            }
        };
    }
}
