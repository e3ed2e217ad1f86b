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
    let status = ended(state);
    let mut fallen = status.map(|status| fallen(home, post, state, Some(status)));
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
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use agentlab_domain::crash::How;

    use super::*;
    use crate::{
        crashes::death_of,
        errand::{Answer, Errand},
    };

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "any child will do")]
    async fn a_child_that_ended_and_was_not_collected_is_still_who_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let post = Post { role: Role::Worker, slot: 1 };
        let mut child = tokio::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let identity = Identity::of(child.id().unwrap().cast_signed()).unwrap().unwrap();
        let stdin = child.stdin.take();
        let mut state = State { child: Some(child), person: Some(Person::new(identity.clone())), ..State::default() };
        drop(stdin);
        // As between two lines of one look: it ends, and nobody has asked for its status yet.
        while identity.living() == Living::Yes {
            std::thread::yield_now();
        }
        recognise(&home, post, &mut state);
        assert_eq!(state.person.as_ref().map(|person| &person.identity), Some(&identity));
        let ended = loop {
            if let (_, Some(fallen)) =
                look(&home, post, &mut state, Ran { since: Duration::ZERO, every: Duration::ZERO }, None, None)
            {
                break fallen;
            }
            tokio::task::yield_now().await;
        };
        assert!(ended.person.is_some(), "so its end is told from one before it was ready");
    }

    #[tokio::test]
    async fn who_died_before_his_first_beat_is_not_taken_for_the_one_before_him() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let post = Post { role: Role::Worker, slot: 1 };
        let beat = |name: &str| {
            let identity = Identity { pid: 0x7fff_fff0, ..Identity::own().unwrap() };
            let beat = format!(
                r#"{{"name": "{name}", "identity": {{"boot": "{}", "pid": {}, "start": 1}}, "version": "0.0.1",
                "commit": "0ld", "config": "", "ready": true, "asked": true, "ended": true, "beats": 7, "note": null,
                "loops": {{}}}}"#,
                identity.boot, identity.pid
            );
            std::fs::create_dir_all(home.run()).unwrap();
            std::fs::write(home.pulse(post), beat).unwrap();
        };
        let ran = Ran { since: Duration::ZERO, every: Duration::ZERO };
        let died = async |speaks: bool| {
            beat("worker-1.OLD");
            let status = Some(ExitStatus::from_raw(11));
            let errand = Errand::out(&home, post, async move { Answer { status, words: None } });
            if speaks {
                beat("worker-1.NEW");
            }
            let mut state = State { errand: Some(errand), ..State::default() };
            loop {
                if let (_, Some(fallen)) = look(&home, post, &mut state, ran, None, None) {
                    break death_of(&home, &fallen);
                }
                tokio::task::yield_now().await;
            }
        };
        let silent = died(false).await;
        assert_eq!((silent.name, silent.was_ready), (None, Some(false)));
        assert_ne!(silent.release.commit.as_deref(), Some("0ld"), "the one before him ended as he was asked to");
        assert_eq!(silent.how, How::Signalled(11));
        let spoke = died(true).await;
        assert_eq!(spoke.name.as_deref(), Some("worker-1.NEW"), "who has said who he is is known");
    }
}
