//! Accepting a job: its row, its apalis `Jobs` row and its place in the lane, in the caller's transaction. Accepted
//! means committed.

use agentlab_domain::{chat::Place, lane};
use fail::fail_point;
use sha2::{Digest, Sha256};
use ulid::Ulid;

use super::{Db, DbError, Durability, Write, lanes, session::SessionView};
use crate::{clock, config, queue, trace};

/// Where a job came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A message in a chat.
    Telegram { bot_id: i64, update_id: i64, user: i64, place: Place, message: i64 },
    /// `agentlab ask`; the key makes asking twice one job.
    Terminal { request_id: String },
    /// The page, or a program that speaks HTTP; the same with the key.
    Page { request_id: String },
}

/// A job to accept.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub source: Source,
    pub place: config::Place,
    pub prompt: String,
    /// The conversation that it goes on with; `None`: its lane's.
    pub resumes: Option<Resumes>,
}

/// A conversation that a job goes on with, and the lane in which that one is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumes {
    pub session: String,
    pub lane: String,
}

impl Resumes {
    /// How a job goes on with this conversation, and where it works then.
    pub fn of(session: SessionView, config: &config::Config) -> (config::Place, Self) {
        let mut place = config.directory_place(session.workspace.as_ref());
        place.project = session.project;
        (place, Self { session: session.id, lane: session.lane })
    }
}

/// A job that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    pub number: i64,
    pub id: String,
    /// Jobs of the same lane before it.
    pub ahead: i64,
}

impl Db {
    /// Accepts a job in a transaction of its own (for a terminal or the page). The same request twice is the same job.
    pub async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        // What was accepted before is known, and no new work.
        if number_of(&mut write, &ulid_of(&job.source).to_string()).await?.is_none() {
            self.has_room()?;
        }
        let enqueued = enqueue(&mut write, job).await?;
        fail_point!("enqueue-commit");
        write.commit().await?;
        Ok(enqueued)
    }
}

/// Accepts a job in the caller's transaction.
pub(super) async fn enqueue(write: &mut Write, job: &NewJob) -> Result<Enqueued, DbError> {
    let id = ulid_of(&job.source).to_string();
    if let Some(number) = number_of(write, &id).await? {
        trace::is_about(&id, number);
        return Ok(Enqueued { number, id, ahead: 0 });
    }
    let (channel, request_id, user, place, message) = match &job.source {
        Source::Telegram { user, place, message, .. } => ("telegram", None, Some(*user), Some(*place), Some(*message)),
        Source::Terminal { request_id } => ("terminal", Some(request_id.as_str()), None, None, None),
        Source::Page { request_id } => ("page", Some(request_id.as_str()), None, None, None),
    };
    // A terminal's job has a lane to itself, unless it goes on with a conversation: then it waits its turn there.
    let lane = match (place, &job.resumes) {
        (Some(place), _) => lane::of_place(place),
        (None, Some(resumes)) => resumes.lane.clone(),
        (None, None) => lane::of_its_own(&id),
    };
    // The claim compares canonical paths; a path that is not there yet is compared as written and fails at its run.
    let workspace = std::fs::canonicalize(&job.place.path).unwrap_or_else(|_| job.place.path.clone());
    queue::push(write, &id).await?;
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO job (id, state, channel, request_id, lane, chat, topic, user_id, source_message, project,
                          workspace, isolation, prompt, accepted_at, session, trace_id)
         VALUES (?1, 'queued', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) RETURNING number",
    )
    .bind(&id)
    .bind(channel)
    .bind(request_id)
    .bind(&lane)
    .bind(place.map(|place| place.chat))
    .bind(place.and_then(|place| place.topic))
    .bind(user)
    .bind(message)
    .bind(&job.place.project)
    .bind(workspace.to_string_lossy().into_owned())
    .bind(job.place.isolation.as_str())
    .bind(&job.prompt)
    .bind(clock::now_ms())
    .bind(job.resumes.as_ref().map(|resumes| &resumes.session))
    // A verb in a terminal is a request of its own.
    .bind(trace::request().unwrap_or_else(trace::new_request))
    .fetch_one(&mut **write)
    .await?;
    trace::is_about(&id, number);
    let ahead = lanes::join(write, &lane, &id).await?;
    Ok(Enqueued { number, id, ahead })
}

async fn number_of(write: &mut Write, id: &str) -> Result<Option<i64>, DbError> {
    Ok(sqlx::query_scalar("SELECT number FROM job WHERE id = ?1").bind(id).fetch_optional(&mut **write).await?)
}

/// The job's id derives from the key of its source (rule I1): the same update can never make a second job.
fn ulid_of(source: &Source) -> Ulid {
    let key = match source {
        // With the message: after a quiet week update ids start anew, and must not meet an old job's.
        Source::Telegram { bot_id, update_id, place, message, .. } => {
            format!("telegram:{bot_id}:{update_id}:{}:{message}", place.chat)
        }
        Source::Terminal { request_id } => format!("terminal:{request_id}"),
        Source::Page { request_id } => format!("page:{request_id}"),
    };
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ulid::from_bytes(bytes)
}
