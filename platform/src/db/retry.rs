//! `retry`: an ended task is done again as a new task that names it. Ended states stay ended.

use agentlab_domain::{isolation::Isolation, job::State};

use super::{
    Db, DbError, Durability, Write,
    enqueue::{self, Enqueued, NewJob, Resumes, Source},
};
use crate::{clock, config};

/// What came of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// A new task does it again.
    Accepted { of: i64, job: Enqueued },
    /// It has not ended: there is nothing to do again.
    NotEnded { number: i64, state: String },
    /// There is none.
    NotFound,
}

/// The task that is done again, with the conversation of its newest run.
type Row = (String, String, String, String, String, String, Option<String>);

impl Db {
    /// Does task `number` again, for somebody who is not in a chat.
    pub async fn retry(&self, number: i64, source: Source, by: &str) -> Result<Retry, DbError> {
        self.has_room()?;
        let mut write = self.begin(Durability::Full).await?;
        let retry = retry(&mut write, number, source, by).await?;
        write.commit().await?;
        Ok(retry)
    }
}

/// Does a task again in the caller's transaction: the same words in the same place, going on with the same conversation.
pub(super) async fn retry(write: &mut Write, number: i64, source: Source, by: &str) -> Result<Retry, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT job.state, job.lane, job.project, job.workspace, job.isolation, job.prompt,
                (SELECT session.id FROM run JOIN session ON session.id = run.session
                 WHERE run.job_id = job.id AND session.state <> 'set_aside' ORDER BY run.attempt DESC LIMIT 1)
         FROM job WHERE job.number = ?1",
    )
    .bind(number)
    .fetch_optional(&mut **write)
    .await?;
    let Some((state, lane, project, workspace, isolation, prompt, session)) = row else {
        return Ok(Retry::NotFound);
    };
    if !State::parse(&state).is_some_and(State::is_ended) {
        return Ok(Retry::NotEnded { number, state });
    }
    let isolation = Isolation::parse(&isolation).unwrap_or_default();
    let place = config::Place { project, path: workspace.into(), isolation };
    let resumes = session.map(|session| Resumes { session, lane });
    let job = enqueue::enqueue(write, &NewJob { source, place, prompt, resumes }).await?;
    sqlx::query("UPDATE job SET retry_of = ?2 WHERE id = ?1").bind(&job.id).bind(number).execute(&mut **write).await?;
    sqlx::query("INSERT INTO audit (at, action, actor, subject) VALUES (?1, 'retry', ?2, ?3)")
        .bind(clock::now_ms())
        .bind(by)
        .bind(format!("task {number} as task {}", job.number))
        .execute(&mut **write)
        .await?;
    Ok(Retry::Accepted { of: number, job })
}

/// The task that a bare `/retry` in this lane means: the newest that ended without an answer.
pub(super) async fn meant(write: &mut Write, lane: &str) -> Result<Option<i64>, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT number FROM job WHERE lane = ?1 AND state IN ('failed', 'cancelled', 'poison')
         ORDER BY number DESC LIMIT 1",
    )
    .bind(lane)
    .fetch_optional(&mut **write)
    .await?)
}
