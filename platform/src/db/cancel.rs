//! Cancelling. The liveness of the run decides, never the job's state (rule R8): a living run gets a stop request and
//! ends the job by its own finish; a job without one ends here, in this transaction.

use agentlab_domain::job;

use super::{Db, DbError, Durability, Write, end};
use crate::clock;

/// What came of a cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancel {
    /// It was waiting; it is cancelled.
    Cancelled { number: i64 },
    /// It is running; the run is asked to stop (the caller puts the request into the run's directory).
    Stopping { number: i64, run_id: String },
    /// It had ended before.
    Ended { number: i64, state: String },
    /// There is none.
    NotFound,
}

impl Db {
    /// Cancels job `number` on behalf of `by`.
    pub async fn cancel(&self, number: i64, by: &str) -> Result<Cancel, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let cancel = cancel(&mut write, number, by).await?;
        write.commit().await?;
        Ok(cancel)
    }

    /// The runs that live now, with their jobs.
    pub async fn live_runs(&self) -> Result<Vec<(String, i64)>, DbError> {
        Ok(sqlx::query_as(
            "SELECT run.id, job.number FROM run JOIN job ON job.id = run.job_id WHERE run.state <> 'over'",
        )
        .fetch_all(self.read())
        .await?)
    }
}

/// Cancels in the caller's transaction.
pub(super) async fn cancel(write: &mut Write, number: i64, by: &str) -> Result<Cancel, DbError> {
    let row: Option<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT job.id, job.state, run.id FROM job LEFT JOIN run ON run.job_id = job.id AND run.state <> 'over'
         WHERE job.number = ?1",
    )
    .bind(number)
    .fetch_optional(&mut **write)
    .await?;
    let Some((job_id, state, live)) = row else { return Ok(Cancel::NotFound) };
    if let Some(run_id) = live {
        sqlx::query("UPDATE job SET stop_by = COALESCE(stop_by, ?2) WHERE id = ?1")
            .bind(&job_id)
            .bind(by)
            .execute(&mut **write)
            .await?;
        audit(write, number, by).await?;
        return Ok(Cancel::Stopping { number, run_id });
    }
    let Some(next) = job::State::parse(&state).and_then(|state| job::next(state, job::Event::Cancel).ok()) else {
        return Ok(Cancel::Ended { number, state });
    };
    let reason = format!("cancelled by {by}");
    end::without_run(write, &job_id, next, &reason, &reason, &format!("Task {number}: {reason}")).await?;
    audit(write, number, by).await?;
    Ok(Cancel::Cancelled { number })
}

/// The job that a bare `/cancel` in this lane means: the running one, else the newest that waits.
pub(super) async fn meant(write: &mut Write, lane: &str) -> Result<Option<i64>, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT job.number FROM job LEFT JOIN run ON run.job_id = job.id AND run.state <> 'over'
         WHERE job.lane = ?1 AND job.state NOT IN ('done', 'failed', 'cancelled', 'poison')
         ORDER BY run.id IS NULL, job.number DESC LIMIT 1",
    )
    .bind(lane)
    .fetch_optional(&mut **write)
    .await?)
}

async fn audit(write: &mut Write, number: i64, by: &str) -> Result<(), DbError> {
    sqlx::query("INSERT INTO audit (at, action, actor, subject) VALUES (?1, 'cancel', ?2, ?3)")
        .bind(clock::now_ms())
        .bind(by)
        .bind(format!("task {number}"))
        .execute(&mut **write)
        .await?;
    Ok(())
}
