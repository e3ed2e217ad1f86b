//! One look at a post: who is there, how it stands, and whether somebody ended since the last look.

use std::{process::ExitStatus, time::Duration};

use agentlab_domain::{
    health::{self, age},
    ladder,
    plan::{Held, Known, Seen},
    role::{Post, Role},
};
use agentlab_platform::{
    children,
    home::Home,
    identity::{Identity, Living},
    lock, pulse, spawn, telemetry,
};

use crate::{
    errand::Sender,
    post::{Fallen, Person, State},
};

/// The time since the last look, and what it should have been.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) since: Duration,
    pub(crate) every: Duration,
}

/// Looks at a post once; `answers` is how often its process has answered so far, where it is asked.
pub(crate) fn look(
    home: &Home,
    post: Post,
    state: &mut State,
    ran: Ran,
    answers: Option<u64>,
    sender: Option<&Sender>,
) -> (Held, Option<Fallen>) {
    let pid = state.child.as_ref().and_then(tokio::process::Child::id).map(u32::cast_signed);
    let mut fallen = ended(state).map(|status| {
        // One that ended at once is known to nobody; what the pulse holds is not of him then.
        let silent = state.person.is_none() && pulse::read(home, post).map(|beat| beat.identity.pid) != pid;
        Fallen { silent, ..fallen(home, post, state, Some(status)) }
    });
    let held = held(home, post, state);
    match (held, &state.child) {
        (Held::No, None) => {
            state.vigil = None;
            state.was_empty = true;
            if fallen.is_none() {
                fallen = empty(home, post, state, sender);
            }
            if state.errand.is_none() {
                state.person = None;
            }
        }
        (Held::Yes | Held::CannotTell, None) | (Held::Yes | Held::No | Held::CannotTell, Some(_)) => {
            recognise(home, post, state);
            if let Some(person) = &mut state.person {
                // Whoever was asked for is there, and has said who he is.
                state.errand = None;
                examine(home, post, person, ran, answers);
                state.climb = ladder::stood(state.climb, person.ready_for);
            }
        }
    }
    (held, fallen)
}

/// Nobody is at the post: whether somebody ended since the last look, and how.
fn empty(home: &Home, post: Post, state: &mut State, sender: Option<&Sender>) -> Option<Fallen> {
    if let Some(errand) = &mut state.errand {
        let answer = errand.answer()?;
        // What the pulse holds is not of him, where he died before his first beat.
        let silent = state.person.is_none() && answer.status.is_some() && errand.nobody_spoke(home, post);
        state.errand = None;
        let words = answer.words.or_else(|| spawn::last_words(home, post));
        return Some(Fallen { silent, ..Fallen::of(post, state.person.take(), answer.status, words) });
    }
    let person = state.person.as_ref()?;
    // One that was our child before this program took its own place is still ours to collect.
    let status = children::collect(&person.identity);
    if let (None, Some(sender)) = (status, sender) {
        state.errand = Some(sender.how_it_ended(post, person.identity.pid));
        return None;
    }
    Some(fallen(home, post, state, status))
}

/// What the plan is told of the post.
pub(crate) fn seen(post: Post, state: &State, held: Held, replace: bool, leases: bool, now: i64) -> Seen {
    let known = |person: &Person| Known { hang: person.hang, replace, asked: person.asked() };
    Seen {
        post,
        wanted: state.wanted,
        lock: held,
        started: state.is_started(),
        known: state.person.as_ref().map(known),
        leases,
        due: state.not_before <= now,
        climb: state.climb,
    }
}

/// Collects a child that ended.
pub(crate) fn ended(state: &mut State) -> Option<ExitStatus> {
    let status = state.child.as_mut()?.try_wait().ok()??;
    state.child = None;
    Some(status)
}

fn fallen(home: &Home, post: Post, state: &mut State, status: Option<ExitStatus>) -> Fallen {
    let person = state.person.take();
    Fallen::of(post, person, status, spawn::last_words(home, post))
}

fn held(home: &Home, post: Post, state: &State) -> Held {
    // A child of ours that has said who it is holds its lock for as long as it lives.
    if state.child.is_some() && state.person.as_ref().is_some_and(|person| person.beat.is_some()) {
        return Held::Yes;
    }
    match lock::is_held(&home.post_lock(post)) {
        Ok(true) => Held::Yes,
        Ok(false) => Held::No,
        Err(_) => Held::CannotTell,
    }
}

/// Finds out who is there: a child of ours, else who the pulse says, if that process lives.
fn recognise(home: &Home, post: Post, state: &mut State) {
    let child = child(state);
    let beat = pulse::read(home, post).filter(|beat| match &child {
        Some(child) => beat.identity == *child,
        None => beat.identity.living() == Living::Yes,
    });
    let identity = match (child, &beat) {
        (Some(child), _) => child,
        (None, Some(beat)) => beat.identity.clone(),
        // Somebody is there and has not said who. Who was there before may be somebody else by now.
        (None, None) => {
            state.person = state.person.take().filter(|person| person.identity.living() == Living::Yes);
            return;
        }
    };
    let person = match state.person.take() {
        Some(person) if person.identity == identity => person,
        Some(_) | None => Person::new(identity),
    };
    let beaten = beat.as_ref().map(|beat| beat.beats) != person.beat.as_ref().map(|beat| beat.beats);
    state.person = Some(Person { beaten, beat: beat.or(person.beat), ..person });
}

/// Our child at this post. One that was not collected keeps its PID, so who was recognised there once need not be again.
fn child(state: &State) -> Option<Identity> {
    let pid = state.child.as_ref()?.id()?.cast_signed();
    match &state.person {
        Some(person) if person.identity.pid == pid => Some(person.identity.clone()),
        Some(_) | None => Identity::of(pid).ok()?,
    }
}

fn examine(home: &Home, post: Post, person: &mut Person, ran: Ran, answers: Option<u64>) {
    let Ran { since, every } = ran;
    let standing = person.identity.standing();
    let beat = person.beat.as_ref().filter(|_| person.beaten).map(|beat| beat.latest().is_some());
    let signs = &mut person.signs;
    signs.stopped_for = health::stopped_for(signs.stopped_for, signs.standing, standing, since, every);
    signs.standing = standing;
    signs.lates = health::lates(signs.lates, standing, beat);
    // The log is asked only when the pulse is silent.
    let log = if person.beaten { 0 } else { telemetry::written(home, &post.to_string()) };
    signs.quiet_for = age(signs.quiet_for, !person.beaten && log == person.log, since, every);
    person.log = log;
    let ready = person.beat.as_ref().is_some_and(|beat| beat.ready);
    let unanswered = ready && answers.is_some_and(|answers| answers == person.answers);
    signs.unanswered_for = age(signs.unanswered_for, unanswered, since, every);
    person.answers = answers.unwrap_or_default();
    person.ready_for = age(person.ready_for, ready, since, every);
    person.judge();
}

/// Whether the process at this post is asked whether it answers.
pub(crate) const fn is_asked(post: Post) -> bool {
    match post.role {
        Role::Console => true,
        Role::Bot | Role::Worker | Role::Supervisor => false,
    }
}

#[cfg(test)]
mod tests;
