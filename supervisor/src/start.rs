//! The start of a supervisor: it takes its locks and enters, however long somebody keeps the database locked, and says
//! meanwhile who does.

use std::time::Duration;

use agentlab_domain::{
    exit_code,
    role::{Post, Role},
};
use agentlab_platform::{
    clock,
    home::Home,
    life::{self, Life, Refusal, Taken},
    lock::{Lock, Mode as LockMode},
    notify, recovery,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{Mode, News, holders::Holders, rules::Rules};

/// How long a private system may take to make room for `up`.
const HANDOVER: Duration = Duration::from_secs(15);

/// Between two looks whether a recovery is over.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until nobody changes what this system would start from; `tell` is called once where that takes its time. It ends: whoever
/// changes something says for how long at most.
pub async fn wait_for_recovery(home: &Home, tell: impl Fn(&str)) {
    let mut told = false;
    while let Some(other) = recovery::of_another(home) {
        if !std::mem::replace(&mut told, true) {
            tell(&format!("{}: I begin when it is over", other.words()));
        }
        // It lasts longer than a start may take without a word.
        notify::starting();
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) fn take_up_lock(home: &Home) -> Result<Lock, Refusal> {
    let path = home.lock("up");
    let failed = |error| Refusal::unavailable(format!("{}: {error}", path.display()));
    Lock::take(&path, LockMode::Exclusive).map_err(failed)?.ok_or_else(|| Refusal {
        code: exit_code::ALREADY_RUNNING,
        message: format!("`agentlab up` is already running in {}", home.path().display()),
    })
}

/// A supervisor that has entered: its life, who is watched, what alerts are told by, and what is to be said meanwhile.
pub(crate) type Begun = (Life, Holders, Option<Rules>, UnboundedReceiver<News>);

/// Takes the post and enters. Whoever keeps the database locked is watched from the first on, so that it is named, or ended,
/// also while we wait for it ourselves.
pub(crate) async fn begin(mode: Mode, tell: &impl Fn(News)) -> Result<Begun, Refusal> {
    let taken = take(mode).await?;
    let (holders, mut locked) = Holders::watch(&taken);
    // The same holds for what the rules of alerts name. A private system is nobody's charge.
    let rules = (mode != Mode::Private).then(|| Rules::begin(&taken, holders.alerts()));
    let life =
        telling(&mut locked, tell, taken.enter_telling(|words| tell(News::Locked { words: words.to_owned() }))).await?;
    holders.entered(&life.db);
    if let Some(rules) = &rules {
        rules.entered(&life.db);
    }
    Ok((life, holders, rules, locked))
}

/// Does what comes before being ready, however long somebody keeps the database locked.
pub(crate) async fn settle(life: &Life, workers: u32) -> Result<(), Refusal> {
    life::patiently(|| life.db.forget_slots_above(workers)).await?;
    life::patiently(|| life.db.look_again()).await?;
    life.ready().await
}

/// Waits for `work`, and says meanwhile who keeps it waiting.
pub(crate) async fn telling<T>(
    locked: &mut UnboundedReceiver<News>,
    tell: &impl Fn(News),
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(news) = locked.recv() => tell(news),
        }
    }
}

/// Takes the post; `up` waits for a private system to let go of it.
async fn take(mode: Mode) -> Result<Taken, Refusal> {
    let started = clock::instant();
    loop {
        match Taken::take(Post { role: Role::Supervisor, slot: 0 }) {
            Err(refusal)
                if mode != Mode::Private
                    && refusal.code == exit_code::ALREADY_RUNNING
                    && started.elapsed() < clock::scaled(HANDOVER) =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            taken => return taken,
        }
    }
}
