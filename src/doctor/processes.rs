//! The processes as `doctor` finds them: by their locks, by the system, and by their own pulses. No database is needed, since
//! it may be what is wrong.

use agentlab_domain::{
    hang::Standing,
    role::{self, Post, Role},
};
use agentlab_platform::{config::Config, home::Home, lock, pulse, services, spawn};

const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };

/// Whether the system is well, and for each thing that is not, what to do.
pub fn check(home: &Home, config: &Config, workers: u32) -> Vec<(bool, String)> {
    let held = |post: Post| lock::is_held(&home.post_lock(post)).unwrap_or(true);
    // Where only `ask` runs one there are workers alone.
    let full = lock::is_held(&home.lock("up")).unwrap_or(true);
    let wanted = role::posts(workers, full, full && config.telegram.token.is_some());
    let running = held(SUPERVISOR);
    let mut found = Vec::new();
    if !running {
        let alive: Vec<String> = role::posts(workers, true, true)
            .into_iter()
            .filter(|post| held(*post))
            .map(|post| post.to_string())
            .collect();
        found.push(if alive.is_empty() {
            (true, format!("not running: {} starts it", services::what_starts(home)))
        } else {
            let words = "the supervisor is dead, and these live on without it";
            (
                false,
                format!(
                    "{words}: {}. {} takes them over; until then nothing that dies is started again",
                    alive.join(", "),
                    services::what_starts(home)
                ),
            )
        });
        return found;
    }
    for post in [SUPERVISOR].into_iter().chain(wanted) {
        found.extend(what_is_wrong(home, post, held(post)).map(|words| (false, words)));
    }
    if found.is_empty() {
        found.push((true, "running".to_owned()));
    }
    found
}

fn what_is_wrong(home: &Home, post: Post, held: bool) -> Option<String> {
    if !held {
        let last = spawn::last_words(home, post).map(|last| format!(" Its last words: {last}.")).unwrap_or_default();
        return Some(format!("{post} is not there.{last} `agentlab restart {}` tries it at once", post.role.as_str()));
    }
    let Some(beat) = pulse::read(home, post) else {
        return Some(format!("somebody holds the post of {post}, and says not who: see run/{post}.pulse"));
    };
    let pid = beat.identity.pid;
    match beat.identity.standing() {
        Standing::Stopped => Some(format!(
            "{post} stands still (SIGSTOP): `kill -CONT {pid}` lets it go on, `agentlab recover {}` ends it",
            post.role.as_str()
        )),
        Standing::Running | Standing::Blocked | Standing::CannotTell if beat.latest().is_some() => {
            let (name, late) = beat.latest()?;
            Some(format!("{post} (pid {pid}): its loop `{name}` has not turned for {late:.0?}"))
        }
        Standing::Running | Standing::Blocked | Standing::CannotTell | Standing::Gone if !beat.ready => {
            Some(format!("{post} (pid {pid}) is not ready yet"))
        }
        Standing::Running | Standing::Blocked | Standing::CannotTell | Standing::Gone => {
            beat.note.map(|note| format!("{post}: {note}"))
        }
    }
}
