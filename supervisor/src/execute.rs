//! Doing what was planned. Every action may be done twice without harm, and decides nothing.

use std::time::Duration;

use agentlab_domain::{
    alert::{Severity, delivery::Occasion},
    ladder::{self, Fall, Rung},
    plan::{Action, Asked, Why},
    role::{Post, Role},
};
use agentlab_platform::{
    alert::Alert,
    clock,
    identity::Identity,
    recovery,
    spawn::{self, Wish},
};

use crate::{
    keeper::{Keeper, Passed},
    post::Person,
    recoveries, release, rung,
};

/// How long the rungs of one component may take.
const HEALING: Duration = Duration::from_mins(1);

/// Does one action.
pub(crate) async fn execute(keeper: &mut Keeper<'_>, action: Action, passed: &mut Passed) {
    match action {
        Action::Release(post) => release::release(keeper.life, post).await,
        Action::Climb(post) => climb(keeper, post, passed).await,
        Action::Start(post) => start(keeper, post, passed),
        Action::Restart(post) => ask(keeper, post, Wish::Restart, Asked::Restart),
        Action::Drain(post) => ask(keeper, post, finishing(post), Asked::Drain),
        Action::Kill(post, why) => {
            let words = match why {
                Why::Hung(hang) => hang.words(),
                Why::InVain => "it was asked to make place and did not",
            };
            tracing::error!(%post, "I end it: {words}");
            ask(keeper, post, Wish::Kill, Asked::Kill);
        }
    }
}

/// How a process is asked that nobody wants any more: a worker finishes its run, the others have nothing to finish.
const fn finishing(post: Post) -> Wish {
    match post.role {
        Role::Worker => Wish::Drain,
        Role::Bot | Role::Supervisor | Role::Console => Wish::End,
    }
}

fn ask(keeper: &mut Keeper<'_>, post: Post, wish: Wish, asked: Asked) {
    let Some(person) = keeper.posts.get_mut(&post).and_then(|state| state.person.as_mut()) else { return };
    tracing::info!(%post, pid = person.identity.pid, ?wish, "asked");
    person.ask(asked);
    spawn::signal(&person.identity, wish);
}

fn start(keeper: &mut Keeper<'_>, post: Post, passed: &mut Passed) {
    let drain = keeper.drain;
    let Some(state) = keeper.posts.get_mut(&post) else { return };
    if let Some(sender) = &keeper.sender {
        state.errand = Some(sender.start(post));
        return;
    }
    match spawn::daemon(&keeper.life.home, post, drain) {
        Ok(child) => {
            tracing::info!(%post, pid = child.id(), "started");
            // Known from the beginning: one that dies before the next look is not taken for who was here before.
            state.person = child.id().and_then(|pid| Identity::of(pid.cast_signed()).ok()?).map(Person::new);
            state.child = Some(child);
        }
        // What keeps one process from being started is no reason to end the others; the ladder may know a remedy.
        Err(error) => {
            let (climb, wait) = ladder::fell(state.climb, Fall::NeverReady, fastrand::f64());
            let wait = clock::scaled(wait).max(Duration::from_millis(100));
            state.climb = climb;
            state.not_before = clock::monotonic_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            passed.not_started.push((post, format!("it could not be started: {error}")));
        }
    }
}

/// Says that something is being healed: nobody puts another release in place meanwhile. Where somebody does so at this moment,
/// healing goes on all the same.
pub(crate) fn healing(keeper: &Keeper<'_>, post: Post) -> Option<recovery::Hold> {
    let held = recovery::take(&keeper.life.home, &format!("the healing of {post}"), HEALING);
    held.inspect_err(|error| tracing::warn!(%error, %post, "healed beside it")).ok()
}

/// Takes the rung that is due, and the next one where it changed nothing.
async fn climb(keeper: &mut Keeper<'_>, post: Post, passed: &mut Passed) {
    if recoveries::take(keeper, post).await {
        return;
    }
    let _held = healing(keeper, post);
    while let Some((climb, rung)) = keeper.posts.get(&post).and_then(|state| Some((state.climb, state.climb.due?))) {
        let done = rung::take(keeper, post, rung).await;
        if rung == Rung::Capped {
            passed.diagnosed.extend(done.iter().map(|words| (post, words.clone())));
        }
        let changed = !done.is_empty() || rung == Rung::Capped;
        tracing::warn!(%post, rung = rung.as_str(), changed, "{}", done.join("; "));
        tell_of(keeper, post, rung, &done);
        keeper.recorder.recovered(post, rung, changed, done.join("; "));
        if let Some(state) = keeper.posts.get_mut(&post) {
            state.climb = ladder::took(climb, changed);
        }
    }
}

/// Whoever wants to hear of it is told of a rung that changed something. The last one tells by itself, with all that is known.
fn tell_of(keeper: &Keeper<'_>, post: Post, rung: Rung, done: &[String]) {
    match rung {
        // Who goes back to an earlier release, and who gives everything up for lost, says so there.
        Rung::Restart | Rung::Release | Rung::Capped => {}
        Rung::EndHolders | Rung::Reset if done.is_empty() => {}
        Rung::EndHolders | Rung::Reset => {
            let words = format!("agentlab: {post} did not come up, so this was done: {}.", done.join("; "));
            let key = format!("recovery:{post}:{}", rung.as_str());
            // Nothing is left to do: whoever wants to know of it anyway asks for `info`.
            let (subject, severity) = (post.to_string(), Severity::Info);
            let alert = Alert { subject, severity, occasion: Occasion::Event, ..Alert::once(key, words) };
            keeper.alerts.give(&alert);
        }
    }
}
