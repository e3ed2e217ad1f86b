//! The outbox in rows: what is owed to a chat, and how its delivery stands. What each step of a delivery means is
//! decided in `agentlab_domain::outbox`.

use agentlab_domain::{
    answer::Body,
    chat::Place,
    circuit::Service,
    outbox::{Next, Tried},
};

use super::{
    Db, DbError, Durability, Write,
    circuit::{self, Heard},
};
use crate::{
    clock,
    trace::{self, Trace},
};

/// A message that is due.
#[derive(Debug, Clone)]
pub struct Due {
    pub id: i64,
    pub place: Place,
    pub reply_to: Option<i64>,
    pub body: Body,
    pub revision: i64,
    /// The message in the chat, once there is one: then this is an edit.
    pub message: Option<i64>,
    pub owed: bool,
    pub tried: Tried,
    /// It was being sent when its sender ended: its fate is unknown.
    pub interrupted: bool,
    /// The request that it answers, and the job that it tells of.
    pub trace: Trace,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    chat: i64,
    topic: Option<i64>,
    reply_to: Option<i64>,
    body: String,
    revision: i64,
    message_id: Option<i64>,
    owed: bool,
    plain: bool,
    doubts: u32,
    failures: u32,
    state: String,
    trace_id: Option<String>,
    job_id: Option<String>,
    task: Option<i64>,
    user_id: Option<i64>,
}

/// What a row is read from, but its state: what is looked at was not sent yet, what is taken is.
macro_rules! columns {
    () => {
        "id, chat, topic, reply_to, body, revision, message_id, owed, plain, doubts, failures, trace_id, job_id,
         (SELECT number FROM job WHERE job.id = job_id) AS task, (SELECT user_id FROM job WHERE job.id = job_id) AS user_id"
    };
}

/// Due rows. First the answers to commands that always get through, then what is owed: pictures of progress must never keep an
/// answer waiting. A part waits until what stands before it in its answer has arrived.
const DUE: &str = concat!(
    "SELECT ",
    columns!(),
    ", state
    FROM outbox o
    WHERE state IN ('pending', 'sending') AND not_before <= ?1
      AND NOT EXISTS (
          SELECT 1 FROM outbox earlier
          WHERE earlier.job_id = o.job_id AND earlier.id < o.id AND earlier.state IN ('pending', 'sending'))
    ORDER BY urgent DESC, owed DESC, id
    LIMIT 2000"
);

/// Takes one of them to be sent.
const SENDING: &str = concat!(
    "UPDATE outbox SET state = 'sending' WHERE id = ?1 AND state IN ('pending', 'sending') RETURNING ",
    columns!(),
    ", 'pending' AS state"
);

impl Db {
    /// What is due now, in the order in which it should go out.
    pub async fn due(&self) -> Result<Vec<Due>, DbError> {
        let rows: Vec<Row> = sqlx::query_as(DUE).bind(clock::now_ms()).fetch_all(self.read()).await?;
        rows.into_iter().map(due).collect()
    }

    /// When the next message that waits for a time may go out (Unix milliseconds).
    pub async fn next_due_at(&self) -> Result<Option<i64>, DbError> {
        Ok(sqlx::query_scalar(
            "SELECT MIN(not_before) FROM outbox WHERE state IN ('pending', 'sending') AND not_before > ?1",
        )
        .bind(clock::now_ms())
        .fetch_one(self.read())
        .await?)
    }

    /// Commits that this message is being sent. Returns it as it stands now, or `None` if it is due no more.
    pub async fn sending(&self, id: i64, edit: bool) -> Result<Option<Due>, DbError> {
        // An edit can be made twice without harm; a send that a power cut forgot would stand there twice unmarked.
        let mut write = self.begin(if edit { Durability::Normal } else { Durability::Full }).await?;
        let row: Option<Row> = sqlx::query_as(SENDING).bind(id).fetch_optional(&mut *write).await?;
        write.commit().await?;
        row.map(due).transpose()
    }

    /// Notes what came of a delivery, and what it told of Telegram.
    pub async fn delivery(&self, message: &Due, next: &Next, pace_ms: i64, heard: Heard) -> Result<(), DbError> {
        let first = message.message.is_none();
        let mut write = self.begin(if first { Durability::Full } else { Durability::Normal }).await?;
        let now = clock::now_ms();
        match next {
            Next::Delivered { message: id } => {
                sqlx::query(
                    "UPDATE outbox SET message_id = COALESCE(?3, message_id), delivered_revision = ?2, failures = 0,
                        error = NULL, delivered_at = ?4, not_before = CASE WHEN owed = 1 AND revision > ?2 THEN 0 ELSE ?5 END,
                        state = CASE WHEN revision > ?2 THEN 'pending' ELSE 'delivered' END
                     WHERE id = ?1",
                )
                .bind(message.id)
                .bind(message.revision)
                .bind(id)
                .bind(now)
                .bind(now + pace_ms)
                .execute(&mut *write)
                .await?;
            }
            Next::Again { wait_ms, plain, doubt, forget_message } => {
                sqlx::query(
                    "UPDATE outbox SET state = 'pending', not_before = ?2, plain = MAX(plain, ?3), doubts = doubts + ?4,
                        failures = failures + 1, message_id = CASE WHEN ?5 THEN NULL ELSE message_id END
                     WHERE id = ?1",
                )
                .bind(message.id)
                .bind(now + clock::scaled_ms(*wait_ms))
                .bind(*plain)
                .bind(*doubt)
                .bind(*forget_message)
                .execute(&mut *write)
                .await?;
            }
            Next::GiveUp { why } => {
                // What was written since is tried all the same.
                sqlx::query(
                    "UPDATE outbox SET state = CASE WHEN revision > ?3 THEN 'pending' ELSE 'given_up' END, error = ?2,
                        given_up = given_up + 1
                     WHERE id = ?1",
                )
                .bind(message.id)
                .bind(why)
                .bind(message.revision)
                .execute(&mut *write)
                .await?;
            }
        }
        circuit::count(&mut write, Service::Telegram, heard, now, now).await?;
        write.commit().await
    }
}

fn due(row: Row) -> Result<Due, DbError> {
    Ok(Due {
        id: row.id,
        place: Place { chat: row.chat, topic: row.topic },
        reply_to: row.reply_to,
        body: serde_json::from_str(&row.body)?,
        revision: row.revision,
        message: row.message_id,
        owed: row.owed,
        tried: Tried {
            edit: row.message_id.is_some(),
            formatted: !row.plain,
            doubts: row.doubts,
            failures: row.failures,
        },
        interrupted: row.state == "sending",
        trace: Trace { request: row.trace_id, user: row.user_id, job: row.job_id, task: row.task, run: None },
    })
}

/// A new message.
#[derive(Debug)]
pub(super) struct New<'a> {
    pub(super) kind: &'static str,
    pub(super) job_id: Option<&'a str>,
    pub(super) place: Place,
    pub(super) reply_to: Option<i64>,
    pub(super) body: &'a Body,
}

/// Adds a message to the outbox.
pub(super) async fn add(write: &mut Write, new: New<'_>) -> Result<(), DbError> {
    insert(write, new, false).await?;
    Ok(())
}

/// Adds a message that goes out before everything else of its chat, and returns its number.
pub(super) async fn add_urgent(write: &mut Write, new: New<'_>) -> Result<i64, DbError> {
    insert(write, new, true).await
}

async fn insert(write: &mut Write, new: New<'_>, urgent: bool) -> Result<i64, DbError> {
    let id = sqlx::query_scalar(
        "INSERT INTO outbox (kind, job_id, chat, topic, reply_to, body, created_at, urgent, trace_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
    )
    .bind(new.kind)
    .bind(new.job_id)
    .bind(new.place.chat)
    .bind(new.place.topic)
    .bind(new.reply_to)
    .bind(serde_json::to_string(new.body)?)
    .bind(clock::now_ms())
    .bind(urgent)
    .bind(trace::request())
    .fetch_one(&mut **write)
    .await?;
    Ok(id)
}

/// Gives this message its next revision, which is owed.
pub(super) async fn revise(write: &mut Write, id: i64, body: &Body) -> Result<(), DbError> {
    sqlx::query(
        "UPDATE outbox SET body = ?2, revision = revision + 1, owed = 1, plain = 0, not_before = 0,
             state = CASE WHEN state = 'sending' THEN 'sending' ELSE 'pending' END
         WHERE id = ?1 AND body <> ?2",
    )
    .bind(id)
    .bind(serde_json::to_string(body)?)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Gives the status message of a job its next revision; nothing happens where the job has none, or it shows this already.
pub(super) async fn show(write: &mut Write, job_id: &str, body: &Body, owed: bool) -> Result<(), DbError> {
    sqlx::query(
        "UPDATE outbox SET body = ?2, revision = revision + 1, owed = ?3, plain = 0,
             not_before = CASE WHEN ?3 THEN 0 ELSE not_before END,
             state = CASE WHEN state = 'sending' THEN 'sending' ELSE 'pending' END
         WHERE job_id = ?1 AND kind = 'status' AND body <> ?2",
    )
    .bind(job_id)
    .bind(serde_json::to_string(body)?)
    .bind(owed)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What a chat is owed at the end of a run: its status message becomes the first part, the others follow.
pub(super) async fn write_outcome(
    write: &mut Write,
    job_id: &str,
    messages: &[Body],
    notice: Option<&Body>,
) -> Result<(), DbError> {
    let place: Option<(i64, Option<i64>)> =
        sqlx::query_as("SELECT chat, topic FROM outbox WHERE job_id = ?1 AND kind = 'status'")
            .bind(job_id)
            .fetch_optional(&mut **write)
            .await?;
    let (Some((chat, topic)), Some((first, rest))) = (place, messages.split_first()) else { return Ok(()) };
    show(write, job_id, first, true).await?;
    let place = Place { chat, topic };
    for (kind, body) in rest.iter().map(|body| ("part", body)).chain(notice.map(|body| ("notice", body))) {
        add(write, New { kind, job_id: Some(job_id), place, reply_to: None, body }).await?;
    }
    Ok(())
}
