//! The outbox loop: due rows become messages. One request in flight per chat, so that what was promised in an order
//! arrives in it; chats do not wait for one another. Pacing is decided in `domain::pace`, what a request's fate means in
//! `domain::outbox`.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use agentlab_domain::{
    circuit::{Admission, Caller},
    outbox::{self, Fate, Next},
    pace::{self, Bucket},
};
use agentlab_platform::{
    clock,
    db::{DbError, circuit::Heard, outbox::Due},
    life::{Life, Stop},
    ping::Ear,
    pulse::limit,
    redaction::Redaction,
};
use fail::fail_point;
use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::sync::Notify;

use crate::{breaker::Breaker, fate::Shown, telegram::Telegram};

/// Between two looks at the outbox without a ping: the net under lost pings. What waits for a time is looked at in time.
const LOOK: Duration = Duration::from_secs(5);

/// What pacing knows of a chat. Lost with the process: then Telegram says 429 once more.
#[derive(Debug)]
struct Chat {
    bucket: Bucket,
    /// Nothing to this chat before this time of the monotonic clock.
    closed_until: i64,
}

/// A delivery that ended: its chat, and how long that chat is closed (429).
type Ended = (i64, Option<i64>);

/// Between two tries to note what came of a delivery.
const NOTE_AGAIN: Duration = Duration::from_secs(1);

/// What is in flight when the bot is asked to stop has this long to land: a send that is cut is a send in doubt.
const LANDING: Duration = Duration::from_secs(5);

/// Delivers what is due until the bot is asked to stop.
pub(crate) async fn keep(
    life: &Life,
    telegram: &Telegram,
    breaker: &Breaker,
    (wake, ear): (&Notify, &Ear),
    stop: &mut Stop,
) {
    let mut chats: HashMap<i64, Chat> = HashMap::new();
    let mut busy: HashSet<i64> = HashSet::new();
    let mut flying: FuturesUnordered<LocalBoxFuture<'_, Ended>> = FuturesUnordered::new();
    let turns = life.pulse.turns("outbox");
    loop {
        // The circuit, what is due, when the next is due; and a probe is noted.
        turns.turn(limit::within(limit::READ * 3 + limit::WRITE));
        breaker.look(life).await;
        let mut open_at = None;
        for due in look(life).await {
            let now = clock::monotonic_ms();
            let chat = due.place.chat;
            if busy.contains(&chat) {
                continue;
            }
            let caller = match breaker.admission() {
                Admission::Go => Caller::Other,
                // Alone, and nothing that nobody is owed.
                Admission::Probe if flying.is_empty() && due.owed => Caller::Probe,
                Admission::Probe => continue,
                Admission::Wait { until } => {
                    open_at = Some(now + until - clock::now_ms());
                    break;
                }
            };
            let pacing = chats.entry(chat).or_insert_with(|| Chat { bucket: Bucket::for_chat(chat), closed_until: 0 });
            let allowed = if pacing.closed_until > now { Err(pacing.closed_until) } else { pacing.bucket.take(now) };
            match allowed {
                Ok(()) => {
                    if caller == Caller::Probe
                        && let Err(error) = breaker.probe(life).await
                    {
                        tracing::warn!(%error, "the probe was not noted; I look again");
                        break;
                    }
                    busy.insert(chat);
                    flying.push(deliver(life, telegram, breaker, due, caller).boxed_local());
                }
                Err(at) => open_at = Some(open_at.map_or(at, |earlier: i64| earlier.min(at))),
            }
        }
        let wait = wait(life, open_at).await;
        turns.turn(limit::within(LOOK));
        tokio::select! {
            Some((chat, closed_ms)) = flying.next() => {
                busy.remove(&chat);
                if let (Some(ms), Some(pacing)) = (closed_ms, chats.get_mut(&chat)) {
                    pacing.closed_until = clock::monotonic_ms() + ms;
                }
            }
            () = stop.asked(1) => break,
            () = wake.notified() => {}
            () = ear.heard() => {}
            () = tokio::time::sleep(wait.max(Duration::from_millis(20))) => {}
        }
    }
    turns.rest();
    let landing = async { while flying.next().await.is_some() {} };
    let _ = tokio::time::timeout(clock::scaled(LANDING), landing).await;
}

/// How long until something may be due: a chat opens, a row's time comes, or the poll.
async fn wait(life: &Life, open_at: Option<i64>) -> Duration {
    let until = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    let opens = open_at.map(|at| until(at - clock::monotonic_ms()));
    let due = life.db.next_due_at().await.unwrap_or_default().map(|at| until(at - clock::now_ms()));
    opens.into_iter().chain(due).chain([clock::scaled(LOOK)]).min().unwrap_or(LOOK)
}

async fn look(life: &Life) -> Vec<Due> {
    match life.db.due().await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "the outbox cannot be read; I look again");
            Vec::new()
        }
    }
}

async fn deliver(life: &Life, telegram: &Telegram, breaker: &Breaker, due: Due, caller: Caller) -> Ended {
    let chat = due.place.chat;
    let trace = due.trace.clone();
    let delivered = trace.over(try_deliver(life, telegram, breaker, due, caller)).await;
    if caller == Caller::Probe {
        breaker.landed();
    }
    match delivered {
        Ok(closed_ms) => (chat, closed_ms),
        Err(error) => {
            tracing::warn!(%error, "a delivery could not be noted");
            // Not at once again: the row may still say "sending".
            (chat, Some(clock::scaled_ms(1_000)))
        }
    }
}

/// One delivery: commit that it is being sent, send, note what came of it.
async fn try_deliver(
    life: &Life,
    telegram: &Telegram,
    breaker: &Breaker,
    due: Due,
    caller: Caller,
) -> Result<Option<i64>, DbError> {
    if due.interrupted && due.message.is_none() {
        let fate = Fate::Unknown { why: "the bot ended while it was sent".into() };
        let next = outbox::next(due.tried, fate);
        life.db.delivery(&due, &next, 0, Heard::NOTHING).await?;
        return Ok(None);
    }
    fail_point!("outbox-begin");
    let Some(due) = life.db.sending(due.id, due.message.is_some()).await? else { return Ok(None) };
    fail_point!("outbox-sending");
    let asked_at = clock::monotonic_ms();
    let Shown { fate, failed } = telegram.show(&due, breaker.patience()).await;
    let heard = breaker.delivered(failed, clock::monotonic_ms() - asked_at, caller);
    fail_point!("outbox-sent");
    let closed_ms = match &fate {
        Fate::TooMany { seconds } => Some(i64::from(*seconds).saturating_mul(1000)),
        Fate::Delivered { .. }
        | Fate::NotModified
        | Fate::NotFound
        | Fate::CannotParse
        | Fate::NoEffect { .. }
        | Fate::Unknown { .. }
        | Fate::Refused { .. } => None,
    };
    let mut next = outbox::next(due.tried, fate);
    if let Next::GiveUp { why } = &mut next {
        // What a server answered may hold the token that it was asked with.
        *why = Redaction::of_logs(&life.config.secrets()).text(why);
    }
    match &next {
        // Not every picture of progress.
        Next::Delivered { .. } if due.owed => tracing::info!(outbox = due.id, revision = due.revision, "delivered"),
        Next::Delivered { .. } => {}
        Next::Again { wait_ms, .. } => tracing::warn!(outbox = due.id, wait_ms, "not delivered yet"),
        Next::GiveUp { why } => tracing::error!(outbox = due.id, %why, "given up"),
    }
    note(life, &due, &next, heard).await?;
    fail_point!("outbox-noted");
    Ok(closed_ms)
}

/// Notes what came of a delivery, however long the database is locked or its disk full: nobody else knows it, and a send whose
/// fate is forgotten is made again. Its chat waits meanwhile, the others do not.
async fn note(life: &Life, due: &Due, next: &Next, heard: Heard) -> Result<(), DbError> {
    loop {
        match life.db.delivery(due, next, clock::scaled_ms(pace::PROGRESS_EDIT_MS), heard).await {
            Err(error) if error.is_busy() || matches!(error, DbError::Disk(_) | DbError::File { .. }) => {
                tracing::warn!(%error, outbox = due.id, "a delivery could not be noted; I try again");
                tokio::time::sleep(clock::scaled(NOTE_AGAIN)).await;
            }
            noted => return noted,
        }
    }
}
