//! The bot: updates in, outbox out. It decides nothing about jobs: what an update causes is decided in `domain::intake`
//! and committed in one transaction; what a delivery means is decided in `domain::outbox`.
//!
//! An update is *confirmed* by asking Telegram for what comes after it; that happens only when it is committed.

mod batch;
mod breaker;
mod fate;
mod intake;
mod outbox;
mod status;
mod telegram;
mod update;
mod weekly;

use std::{rc::Rc, time::Duration};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    config::Config,
    life::{Life, Refusal, Taken},
    ping::Ear,
    watch,
};

use breaker::Breaker;
use telegram::{Known, Telegram};

/// Between two looks for a ready worker.
const LOOK: Duration = Duration::from_millis(10);

/// Serves until it is asked to stop; returns its exit code.
pub async fn serve() -> Result<u8, Refusal> {
    let post = Post { role: Role::Bot, slot: 0 };
    let taken = Taken::take(post)?;
    // Before the database, which may be locked: the watch needs none.
    let _watcher = watch::begin(&taken);
    let life = Rc::new(taken.enter().await?);
    let telegram = Rc::new(Telegram::of(&life.config)?.counted(&life.home));
    let ear = Ear::of(&life)?;
    let mut stop = life.stop();
    tokio::select! {
        () = a_worker(&life) => {}
        () = stop.asked(1) => return Ok(life.code()),
    }
    match telegram.known().await {
        Known::Yes(name) => tracing::info!(%name, "Telegram knows the token"),
        Known::No => return Err(Refusal::configuration(REFUSED)),
        Known::Unreachable(why) => life.note(Some(format!("Telegram cannot be reached: {why}"))),
    }
    if life.config.telegram.allowed_users.is_empty() {
        tracing::warn!("telegram.allowed_users is empty: nobody may use the bot");
    }
    life.ready().await?;
    let wake = Rc::new(tokio::sync::Notify::new());
    let breaker = Rc::new(Breaker::of(&life).await);
    tokio::select! {
        () = intake::keep(&life, &telegram, &breaker, &wake) => {}
        () = weekly::keep(&life, &wake) => {}
        () = outbox::keep(&life, &telegram, &breaker, (&wake, &ear), &mut stop) => {}
    }
    Ok(life.code())
}

const REFUSED: &str = "Telegram refuses telegram.token: copy it again from @BotFather (it may have been revoked)";

/// What `doctor` says about Telegram: whether it is well, and the words.
pub async fn check(config: &Config) -> (bool, String) {
    if config.telegram.token.is_none() {
        return (true, "no telegram.token: the bot is off".into());
    }
    let telegram = match Telegram::of(config) {
        Ok(telegram) => telegram,
        Err(refusal) => return (false, refusal.to_string()),
    };
    let nobody = config.telegram.allowed_users.is_empty();
    match telegram.known().await {
        Known::Yes(name) if nobody => (
            false,
            format!(
                "{name}: telegram.allowed_users is empty, so nobody may use it. Write to it once; then I list your id here"
            ),
        ),
        Known::Yes(name) => (true, name),
        Known::No => (false, REFUSED.into()),
        Known::Unreachable(why) => (false, format!("{} cannot be reached: {why}", config.telegram.api_url)),
    }
}

/// Nothing is accepted before somebody can do it.
async fn a_worker(life: &Life) {
    loop {
        match life.db.status().await {
            Ok(status) if status.processes.iter().any(|process| process.ready && process.id.starts_with("worker-")) => {
                return;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the database cannot be read yet"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
