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
use crate::clock;

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
}

type Row = (i64, i64, Option<i64>, Option<i64>, String, i64, Option<i64>, bool, bool, u32, u32, String);

/// Due rows. First the answers to commands that always get through, then what is owed: pictures of progress must never keep an
/// answer waiting. A part waits until what stands before it in its answer has arrived.
const DUE: &str = "
    SELECT id, chat, topic, reply_to, body, revision, message_id, owed, plain, doubts, failures, state
    FROM outbox o
    WHERE state IN ('pending', 'sending') AND not_before <= ?1
      AND NOT EXISTS (
          SELECT 1 FROM outbox earlier
          WHERE earlier.job_id = o.job_id AND earlier.id < o.id AND earlier.state IN ('pending', 'sending'))
    ORDER BY urgent DESC, owed DESC, id
    LIMIT 2000";

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
        let row: Option<Row> = sqlx::query_as(
            "UPDATE outbox SET state = 'sending' WHERE id = ?1 AND state IN ('pending', 'sending')
             RETURNING id, chat, topic, reply_to, body, revision, message_id, owed, plain, doubts, failures, 'pending'",
        )
        .bind(id)
        .fetch_optional(&mut *write)
        .await?;
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
    let (id, chat, topic, reply_to, body, revision, message, owed, plain, doubts, failures, state) = row;
    Ok(Due {
        id,
        place: Place { chat, topic },
        reply_to,
        body: serde_json::from_str(&body)?,
        revision,
        message,
        owed,
        tried: Tried { edit: message.is_some(), formatted: !plain, doubts, failures },
        interrupted: state == "sending",
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
        "INSERT INTO outbox (kind, job_id, chat, topic, reply_to, body, created_at, urgent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
    )
    .bind(new.kind)
    .bind(new.job_id)
    .bind(new.place.chat)
    .bind(new.place.topic)
    .bind(new.reply_to)
    .bind(serde_json::to_string(new.body)?)
    .bind(clock::now_ms())
    .bind(urgent)
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
