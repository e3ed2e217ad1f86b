//! `scale`: so many workers from now on, while they work. New ones start; those above the number finish their task, and no
//! task waits for that or is begun again.

use std::time::Duration;

use agentlab_domain::{
    exit_code,
    role::{MOST_WORKERS, Post, Role},
};
use agentlab_platform::{
    clock,
    home::Home,
    identity::Living,
    life::{Refusal, Stop},
    lock, ping, pulse,
};
use serde_json::json;

use crate::{
    failure::Failure,
    print,
    system::{self, LOOK, System},
};

/// How long new workers may take to be ready.
const READY: Duration = Duration::from_mins(1);

/// Wants `workers` workers, and waits until that many are ready and no more are there.
pub async fn scale(workers: u32, no_wait: bool, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let configured = system.config.workers.count;
    let mut stop = Stop::listen()?;
    system.db.scale(workers, configured, "the terminal").await?;
    if !agentlab_supervisor::is_running(&system.home) {
        let message = format!(
            "agentlab is not running. {workers} workers are wanted from its next start, as long as workers.count is {configured}"
        );
        return Err(Refusal::unavailable(message).into());
    }
    ping::ping(&system.home.socket(Role::Supervisor.as_str()));
    grown(&system, workers).await?;
    let finishing = tokio::select! {
        left = shrunk(&system.home, workers, no_wait) => left,
        // The request stands; only the waiting ends.
        () = stop.asked(1) => finishing(&system.home, workers),
    };
    if as_json {
        print::json(&json!({ "workers": workers, "configured": configured, "finishing": finishing }))?;
    } else {
        print::line(&format!("{workers} worker{}", if workers == 1 { "" } else { "s" }));
        if !finishing.is_empty() {
            print::note(&words(&finishing));
        }
    }
    Ok(exit_code::DONE)
}

/// Waits until every wanted worker is ready.
async fn grown(system: &System, workers: u32) -> Result<(), Failure> {
    let started = clock::instant();
    while let Some(missing) = slots(1..=workers).find(|post| !is_ready(&system.home, *post)) {
        if started.elapsed() > clock::scaled(READY) {
            return Err(late(system, missing));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn late(system: &System, missing: Post) -> Failure {
    let supervisor = pulse::read(&system.home, Post { role: Role::Supervisor, slot: 0 });
    let message = if supervisor.is_some_and(|beat| beat.config != system.config.fingerprint()) {
        "the system runs under an earlier configuration: `agentlab restart` takes the present one over, with this number"
            .to_owned()
    } else {
        format!("{missing} is not ready yet: `agentlab status` and `agentlab doctor` say what is wrong")
    };
    Refusal::unavailable(message).into()
}

/// Waits until nobody is there above the number; returns who still is.
async fn shrunk(home: &Home, workers: u32, no_wait: bool) -> Vec<String> {
    let started = clock::instant();
    let mut said = false;
    loop {
        let left = finishing(home, workers);
        if left.is_empty() || no_wait {
            return left;
        }
        // Who is idle goes at once; the others are worth a word.
        if !said && started.elapsed() > clock::scaled(Duration::from_secs(1)) {
            said = true;
            print::note(&words(&left));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn words(finishing: &[String]) -> String {
    let (verb, noun) = if finishing.len() == 1 { ("finishes", "task") } else { ("finish", "tasks") };
    format!("{} {verb} the running {noun} first", finishing.join(", "))
}

/// The workers above the number that are still there.
fn finishing(home: &Home, workers: u32) -> Vec<String> {
    let held = |post: &Post| lock::is_held(&home.post_lock(*post)).unwrap_or(false);
    slots(workers + 1..=MOST_WORKERS).filter(held).map(|post| post.to_string()).collect()
}

fn slots(slots: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = Post> {
    slots.map(|slot| Post { role: Role::Worker, slot })
}

fn is_ready(home: &Home, post: Post) -> bool {
    pulse::read(home, post).is_some_and(|beat| beat.ready && beat.identity.living() == Living::Yes)
}
