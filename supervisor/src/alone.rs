//! What can be done for a role while no supervisor acts: the rungs of the ladder, on the same evidence as ever. Nobody is started,
//! and the database is not opened: it may be what everybody waits for.

use std::time::Duration;

use agentlab_domain::{
    hang::{self, Standing},
    health::{self, Hang, Patience, Signs},
    role::{MOST_WORKERS, Post, Role},
};
use agentlab_platform::{
    clock,
    config::Config,
    home::Home,
    identity::Living,
    lock,
    pulse::{self, Beat},
    reset,
    spawn::{self, Wish},
};

use crate::holders;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// How long whoever was killed may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// Heals a role as far as that goes where no supervisor runs: ends who hangs, and what stale processes hold, and puts back
/// what dead ones left. Says in words what was found and done; `watches` is called when that takes its time.
pub async fn recover_alone(home: &Home, config: &Config, role: Role, watches: impl FnOnce()) -> Vec<String> {
    let mut words = end_hung(home, role).await;
    words.extend(holders::watch_alone(home, config, watches).await);
    for post in posts(role).filter(|post| home.post_lock(*post).exists()) {
        match reset::reset(home, post) {
            Ok(changed) => words.extend(changed),
            Err(error) => words.push(format!("{post} could not be put back to its first state: {error}")),
        }
    }
    words
}

/// Ends whoever hangs at a post of this role; says in words what was found and done.
pub async fn end_hung(home: &Home, role: Role) -> Vec<String> {
    let mut words = Vec::new();
    for post in posts(role).filter(|post| is_held(home, *post)) {
        words.push(match who(home, post) {
            Some(beat) => match examine(home, post, &beat).await {
                Some(hang) => end(home, post, &beat, hang).await,
                None => {
                    format!("{post} (pid {}) lives, and nothing proves that it hangs: left alone", beat.identity.pid)
                }
            },
            None => format!("somebody holds the post of {post}, and nobody can tell who: left alone"),
        });
    }
    words
}

/// Ends every daemon of this home, for a supervisor that is asked to stop before it keeps any: those that it found are its own all
/// the same. Who does not go is left: nothing is known of him here.
pub(crate) async fn stop_all(home: &Home) {
    let all: Vec<Post> = [Role::Bot, Role::Console, Role::Worker].into_iter().flat_map(posts).collect();
    let began = clock::instant();
    let mut asked = Vec::new();
    loop {
        let held: Vec<Post> = all.iter().copied().filter(|post| is_held(home, *post)).collect();
        if held.is_empty() || began.elapsed() > clock::scaled(GONE) {
            return;
        }
        for beat in held.into_iter().filter_map(|post| who(home, post)) {
            if !asked.contains(&beat.identity) {
                spawn::signal(&beat.identity, Wish::End);
                asked.push(beat.identity);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn posts(role: Role) -> impl Iterator<Item = Post> {
    let slots = match role {
        Role::Worker => 1..=MOST_WORKERS,
        Role::Bot | Role::Supervisor | Role::Console => 0..=0,
    };
    slots.map(move |slot| Post { role, slot })
}

fn is_held(home: &Home, post: Post) -> bool {
    lock::is_held(&home.post_lock(post)).unwrap_or(false)
}

fn who(home: &Home, post: Post) -> Option<Beat> {
    pulse::read(home, post).filter(|beat| beat.identity.living() == Living::Yes)
}

/// Looks until it is proved that it hangs or that it lives: by a beat that was made after the first look. A signal that was sent
/// a moment ago may not have taken effect yet, so one look alone proves nothing either way.
async fn examine(home: &Home, post: Post, beat: &Beat) -> Option<Hang> {
    let patience = Patience { stopped: clock::scaled(hang::PATIENCE), quiet: health::QUIET };
    let (began, mut stopped_since) = (clock::instant(), None);
    loop {
        let standing = beat.identity.standing();
        // An old beat proves nothing about this moment.
        let beaten = pulse::read(home, post).filter(|now| now.name == beat.name && now.beats > beat.beats);
        let late = beaten.as_ref().is_some_and(|now| now.latest().is_some());
        stopped_since = stopped_since.filter(|_| standing == Standing::Stopped).or_else(|| Some(clock::instant()));
        let stopped_for = stopped_since.map_or(Duration::ZERO, |since| since.elapsed());
        let (quiet_for, unanswered_for) = (Duration::ZERO, Duration::ZERO);
        // Late before and late now: two beats.
        let lates = if late && beat.latest().is_some() { 2 } else { 0 };
        let signs = Signs { standing, stopped_for, lates, quiet_for, unanswered_for };
        if let Some(hang) = health::judge(signs, patience) {
            return Some(hang);
        }
        let lives = beaten.is_some() && !late && standing != Standing::Stopped;
        if lives || began.elapsed() > patience.stopped * 2 {
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn end(home: &Home, post: Post, beat: &Beat, hang: Hang) -> String {
    let pid = beat.identity.pid;
    spawn::signal(&beat.identity, Wish::Kill);
    let began = clock::instant();
    while is_held(home, post) {
        if began.elapsed() > clock::scaled(GONE) {
            return format!("{post} (pid {pid}) was killed ({}), and is not gone yet", hang.words());
        }
        tokio::time::sleep(LOOK).await;
    }
    format!("{post} (pid {pid}) was killed: {}", hang.words())
}
