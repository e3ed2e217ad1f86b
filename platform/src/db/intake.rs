//! Intake [tx A]: the raw update and everything that it causes, in one FULL transaction (rules I1-I3). Only after its
//! commit may Telegram be asked for what comes next.

use agentlab_domain::{
    answer::{self, Body},
    chat::Place,
    intake::Decision,
    rate::Limits,
};
use fail::fail_point;

use super::{
    Db, DbError, Durability, Write, cancel,
    enqueue::{self, Enqueued, NewJob, Source},
    hold, obey, outage,
    outbox::{self, New},
    past, pause, rate, room,
};
use crate::{clock, config};

/// One update on its way in.
#[derive(Debug)]
pub struct Incoming<'a> {
    pub bot_id: i64,
    pub update_id: i64,
    pub raw: &'a str,
    pub decision: &'a Decision,
    /// Where a job of this chat works.
    pub place: config::Place,
    /// What a question about the whole system is answered with, read beforehand.
    pub prepared: &'a str,
    /// How much is taken from one person.
    pub limits: Limits,
    /// Somebody is there who does what `/restart` asks for.
    pub supervised: bool,
}

/// What an update caused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It was known already: nothing.
    Duplicate,
    /// A job was accepted.
    Accepted { number: i64 },
    /// A run is to stop, as `by` wants it; these words answer a button.
    Stop { run_id: String, by: String, words: String },
    /// A restart was asked for: the supervisor is to look.
    Restart,
    /// Tasks begin again: the workers are to look.
    Resumed,
    /// At most a reply; these words answer a button.
    Noted { words: String },
}

impl Db {
    /// Takes an update in.
    pub async fn take_in(&self, incoming: &Incoming<'_>) -> Result<Effect, DbError> {
        fail_point!("intake-begin");
        let mut write = self.begin(Durability::Full).await?;
        fail_point!("intake-update");
        let now = clock::now_ms();
        // Inside the transaction: of two updates that race for the last place one gets it.
        let limited = match rate::over_the_limit(&mut write, incoming, now).await? {
            None => room::refused(self, &mut write, incoming.decision).await?,
            limited => limited,
        };
        let decision = limited.as_ref().unwrap_or(incoming.decision);
        if !record(&mut write, incoming, decision, now).await? {
            return Ok(Effect::Duplicate);
        }
        fail_point!("intake-effect");
        let effect = cause(&mut write, incoming, decision).await?;
        fail_point!("intake-commit");
        write.commit().await?;
        fail_point!("intake-committed");
        Ok(effect)
    }
}

/// Stores the raw update; false when it was known already.
async fn record(write: &mut Write, incoming: &Incoming<'_>, decision: &Decision, now: i64) -> Result<bool, DbError> {
    let (raw, why) = match decision {
        // A stranger's words are not kept.
        Decision::Stranger { .. } => ("", None),
        Decision::Ignore { why } => (incoming.raw, Some(why.as_str())),
        Decision::Job { .. }
        | Decision::Command { .. }
        | Decision::Edit { .. }
        | Decision::Stop { .. }
        | Decision::Limited { .. }
        | Decision::NoText { .. } => (incoming.raw, None),
    };
    let inserted = sqlx::query(
        "INSERT INTO telegram_update (bot_id, update_id, raw, decision, why, received_at, user_id, counted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )
    .bind(incoming.bot_id)
    .bind(incoming.update_id)
    .bind(raw)
    .bind(decision.word())
    .bind(why)
    .bind(now)
    .bind(incoming.decision.user())
    .bind(decision.counted().is_some())
    .execute(&mut **write)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn cause(write: &mut Write, incoming: &Incoming<'_>, decision: &Decision) -> Result<Effect, DbError> {
    match decision {
        Decision::Job { user, place, message, prompt } => {
            accept(write, incoming, (*user, *place, *message), prompt).await
        }
        Decision::Command { user, place, message, command } => {
            obey::obey(write, incoming, (*user, *place, *message), command).await
        }
        Decision::Edit { place, message, prompt } => edit(write, *place, *message, prompt).await,
        Decision::Stop { user, number, .. } => stop(write, *number, *user).await,
        Decision::NoText { place, message } => {
            reply(write, *place, *message, "I read text only, for now: please write the task as a message.").await
        }
        Decision::Limited { place, message, words } => reply(write, *place, *message, words).await,
        Decision::Stranger { user } => {
            sqlx::query("INSERT INTO audit (at, action, actor) VALUES (?1, 'stranger', ?2) ON CONFLICT DO NOTHING")
                .bind(clock::now_ms())
                .bind(user.to_string())
                .execute(&mut **write)
                .await?;
            Ok(Effect::Noted { words: String::new() })
        }
        Decision::Ignore { .. } => Ok(Effect::Noted { words: String::new() }),
    }
}

async fn accept(
    write: &mut Write,
    incoming: &Incoming<'_>,
    (user, place, message): (i64, Place, i64),
    prompt: &str,
) -> Result<Effect, DbError> {
    let source = source(incoming, (user, place, message));
    let new = NewJob { source, place: incoming.place.clone(), prompt: prompt.to_owned(), resumes: None };
    let job = enqueue::enqueue(write, &new).await?;
    accepted(write, &job, place, message, answer::accepted(job.number, job.ahead)).await
}

/// Where a job of this update comes from.
pub(super) const fn source(incoming: &Incoming<'_>, (user, place, message): (i64, Place, i64)) -> Source {
    Source::Telegram { bot_id: incoming.bot_id, update_id: incoming.update_id, user, place, message }
}

/// Gives an accepted job its status message.
pub(super) async fn accepted(
    write: &mut Write,
    job: &Enqueued,
    place: Place,
    message: i64,
    mut body: Body,
) -> Result<Effect, DbError> {
    fail_point!("intake-status");
    if let Some(paused) = pause::present(write).await? {
        body.rich.text.push_str(&format!(". {}.", sentence(&paused.kept())));
    }
    let status = New { kind: "status", job_id: Some(&job.id), place, reply_to: Some(message), body: &body };
    outbox::add(write, status).await?;
    hold::tell(write, place).await?;
    outage::tell(write).await?;
    Ok(Effect::Accepted { number: job.number })
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Cancels a job on behalf of a person.
pub(super) async fn stop(write: &mut Write, number: i64, user: i64) -> Result<Effect, DbError> {
    let by = format!("user {user}");
    let noted = |words| Ok(Effect::Noted { words });
    match cancel::cancel(write, number, &by).await? {
        cancel::Cancel::Stopping { number, run_id } => {
            Ok(Effect::Stop { run_id, by, words: format!("Stopping task {number}.") })
        }
        cancel::Cancel::Cancelled { number } => noted(format!("Task {number} is cancelled.")),
        cancel::Cancel::Ended { number, state } => noted(format!("Task {number} has ended before ({state}).")),
        cancel::Cancel::NotFound => noted(past::sentence(write, number).await?),
    }
}

/// An edited message: its job takes the new words while no run exists.
async fn edit(write: &mut Write, place: Place, message: i64, prompt: &str) -> Result<Effect, DbError> {
    sqlx::query(
        "UPDATE job SET prompt = ?3 WHERE chat = ?1 AND source_message = ?2 AND state = 'queued'
           AND NOT EXISTS (SELECT 1 FROM run WHERE run.job_id = job.id)",
    )
    .bind(place.chat)
    .bind(message)
    .bind(prompt)
    .execute(&mut **write)
    .await?;
    Ok(Effect::Noted { words: String::new() })
}

pub(super) async fn reply(write: &mut Write, place: Place, message: i64, words: &str) -> Result<Effect, DbError> {
    let body: Body = answer::reply(words);
    outbox::add(write, New { kind: "reply", job_id: None, place, reply_to: Some(message), body: &body }).await?;
    Ok(Effect::Noted { words: String::new() })
}

/// The answer to a command that always gets through: before everything else of its chat.
pub(super) async fn reply_at_once(
    write: &mut Write,
    place: Place,
    message: i64,
    words: &str,
) -> Result<Effect, DbError> {
    let body: Body = answer::reply(words);
    outbox::add_urgent(write, New { kind: "reply", job_id: None, place, reply_to: Some(message), body: &body }).await?;
    Ok(Effect::Noted { words: String::new() })
}
