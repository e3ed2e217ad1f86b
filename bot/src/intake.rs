//! The intake loop (rules I1-I4): ask, commit (with its line in the journal), and only then ask for what comes next. Nothing is
//! ever confirmed that is not committed; what cannot be committed now is tried again, in order.

use std::{sync::atomic::Ordering, time::Duration};

use agentlab_domain::{
    command::Command,
    intake::{self, Decision},
    role::{Post, Role},
};
use agentlab_platform::{
    clock,
    db::{
        DbError,
        intake::{Effect, Incoming},
    },
    life::Life,
    lock, ping,
    pulse::{ANSWERS, Turns, limit},
    run_dir::RunDir,
    trace::{self, Trace},
};
use fail::fail_point;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{breaker::Breaker, fate::PollError, status, telegram::Telegram, update};

/// After this long without an update the next one may have any id (rule I2), in milliseconds.
const QUIET_MS: i64 = 24 * 3_600_000;
/// Waits after polls that failed in a row.
const WAITS: [u64; 5] = [1, 2, 5, 15, 30];
/// Between two polls that bring only what cannot be confirmed.
const UNCONFIRMABLE: Duration = Duration::from_secs(30);

/// One try at storing an update: the words that it asks for, the transaction, the answer to a button, the wait for the next try.
const STORING: Duration =
    limit::READ.saturating_mul(2).saturating_add(limit::WRITE).saturating_add(Duration::from_secs(4));

/// Takes updates in, for ever. Each step promises the next one: a poll, the count of it, each try at storing, each wait.
pub(crate) async fn keep(life: &Life, telegram: &Telegram, breaker: &Breaker, wake: &Notify) {
    // At the start without an offset: the earliest unconfirmed one, whatever its id (rule I2).
    let mut offset = None;
    let mut last_update = clock::monotonic_ms();
    let mut failures = 0_usize;
    let (turns, answers) = (life.pulse.turns("polls"), life.pulse.turns(ANSWERS));
    loop {
        if clock::monotonic_ms() - last_update > QUIET_MS {
            offset = None;
        }
        turns.turn(limit::within(Telegram::poll_takes(breaker.patience())));
        let polled = telegram.updates(offset, breaker.patience()).await;
        turns.turn(limit::within(limit::READ + limit::WRITE));
        told(life, breaker, polled.as_ref().is_err_and(PollError::is_outage), wake).await;
        match polled {
            Ok(updates) => {
                if failures > 0 {
                    tracing::info!("Telegram answers again");
                }
                failures = 0;
                life.note(None);
                life.progress.fetch_add(1, Ordering::Relaxed);
                answers.rest();
                if !updates.is_empty() {
                    last_update = clock::monotonic_ms();
                    let next = take_in_all(life, telegram, (wake, &turns), &updates).await;
                    if next.is_none() {
                        // Nothing in it can be confirmed, so the next answer is the same one.
                        turns.turn(limit::within(UNCONFIRMABLE));
                        tokio::time::sleep(clock::scaled(UNCONFIRMABLE)).await;
                    }
                    offset = next.or(offset);
                }
            }
            Err(error) => {
                let wait = WAITS.get(failures).or(WAITS.last()).copied().unwrap_or(30);
                failures += 1;
                complain(life, &error, failures);
                let wait = match error {
                    PollError::Later { seconds: Some(seconds), .. } => Duration::from_secs(seconds.into()),
                    PollError::Conflict | PollError::Token | PollError::Later { seconds: None, .. } => {
                        clock::scaled(Duration::from_secs(wait))
                    }
                };
                // It may be told to wait for longer than it ever would by itself.
                turns.turn(wait + limit::within(UNCONFIRMABLE));
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Counts the poll for the breaker.
async fn told(life: &Life, breaker: &Breaker, failed: bool, wake: &Notify) {
    match breaker.polled(life, failed).await {
        // Deliveries may go on.
        Ok(true) => wake.notify_one(),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "a poll was not counted"),
    }
}

fn complain(life: &Life, error: &PollError, failures: usize) {
    let words = match error {
        PollError::Conflict => {
            "another program polls with this bot's token (409): stop it, or take a new token from @BotFather".to_owned()
        }
        PollError::Token => "Telegram does not know telegram.token any more: it was revoked".to_owned(),
        PollError::Later { why, .. } => format!("Telegram cannot be polled: {why}"),
    };
    tracing::error!(failures, "{words}");
    life.note(Some(words));
}

/// Takes a batch in, in order. Returns the offset that confirms all of it.
async fn take_in_all(life: &Life, telegram: &Telegram, loops: (&Notify, &Turns), updates: &[Value]) -> Option<i64> {
    let ids: Vec<i64> = updates.iter().filter_map(update::id).collect();
    for raw in updates {
        let Some(id) = update::id(raw) else {
            tracing::error!("an update without an id cannot be stored: nobody could confirm it");
            continue;
        };
        take_in(life, telegram, loops, id, raw).await;
    }
    fail_point!("intake-confirm");
    // By the largest id and not by the last: nothing says that they come in order.
    ids.iter().max().map(|id| id + 1)
}

async fn take_in(life: &Life, telegram: &Telegram, (wake, turns): (&Notify, &Turns), id: i64, raw: &Value) {
    let allowed = &life.config.telegram.allowed_users;
    let decision = intake::decide(update::parse(raw), telegram.name(), |user| allowed.contains(&user));
    let text = raw.to_string();
    let trace = Trace { user: decision.user(), ..Trace::begun(trace::request_of_update(telegram.bot_id(), &text)) };
    trace.over(store(life, telegram, (wake, turns), (id, &text), &decision)).await;
}

/// Tries until it is stored, and does what follows.
async fn store(
    life: &Life,
    telegram: &Telegram,
    (wake, turns): (&Notify, &Turns),
    (id, text): (i64, &str),
    decision: &Decision,
) {
    loop {
        // A database that is locked for long is tried again and again: that is a turn, and no hang.
        turns.turn(limit::within(STORING));
        match try_take_in(life, telegram.bot_id(), id, text, decision).await {
            Ok(effect) => {
                life.note(None);
                return follow_up(life, telegram, wake, decision, effect).await;
            }
            Err(error) => {
                // Not confirmed, so not lost: Telegram holds it for a day.
                tracing::error!(update = id, %error, "an update could not be stored; I try again before any other");
                life.note(Some(format!("updates cannot be stored: {error}")));
                tokio::time::sleep(clock::scaled(Duration::from_secs(1))).await;
            }
        }
    }
}

async fn try_take_in(
    life: &Life,
    bot_id: i64,
    update_id: i64,
    raw: &str,
    decision: &Decision,
) -> Result<Effect, DbError> {
    let place = life.config.chat_place(life.home.workspace());
    let prepared = match decision {
        Decision::Command { command: Command::Status, .. } => status::words(life).await?,
        Decision::Command { command: Command::Cost, .. } => life.db.spending().await?.words(),
        Decision::Command { .. }
        | Decision::Job { .. }
        | Decision::Edit { .. }
        | Decision::Stop { .. }
        | Decision::NoText { .. }
        | Decision::Limited { .. }
        | Decision::Stranger { .. }
        | Decision::Ignore { .. } => String::new(),
    };
    let limits = life.config.limits();
    let supervisor = Post { role: Role::Supervisor, slot: 0 };
    let supervised = lock::is_held(&life.home.post_lock(supervisor)).unwrap_or(true);
    life.db
        .take_in(&Incoming { bot_id, update_id, raw, decision, place, prepared: &prepared, limits, supervised })
        .await
}

async fn follow_up(life: &Life, telegram: &Telegram, wake: &Notify, decision: &Decision, effect: Effect) {
    // The outbox may hold something new. Said before a button is answered, which may take its time.
    wake.notify_one();
    match effect {
        Effect::Accepted { number } => {
            tracing::info!(task = number, "accepted");
            ping::ping_workers(&life.home);
        }
        Effect::Stop { run_id, by, words } => {
            // A hint that saves a second: the row says it too, and the worker passes it on (rule R8).
            if let Err(error) = RunDir::of(&life.home, &run_id).request_stop(&by) {
                tracing::warn!(%error, "the stop request goes by the row alone");
            }
            pressed(telegram, decision, &words).await;
        }
        Effect::Restart => {
            tracing::warn!("a restart was asked for");
            ping::ping(&life.home.socket(Role::Supervisor.as_str()));
        }
        Effect::Resumed => ping::ping_workers(&life.home),
        Effect::Noted { words } => pressed(telegram, decision, &words).await,
        Effect::Duplicate => {}
    }
}

/// Answers a button with what came of it.
async fn pressed(telegram: &Telegram, decision: &Decision, words: &str) {
    if let Decision::Stop { callback, .. } = decision {
        telegram.pressed(callback, words).await;
    }
}
