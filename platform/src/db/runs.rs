//! Runs as people read them.

use serde::Serialize;

use super::{Db, DbError};

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct RunView {
    pub id: String,
    pub attempt: i64,
    pub state: String,
    pub outcome: Option<String>,
    pub worker: Option<String>,
    pub session: String,
    /// Unix milliseconds.
    pub claimed_at: i64,
    pub ended_at: Option<i64>,
    pub cost_usd: Option<f64>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub turns: Option<i64>,
    pub rehearsed: bool,
}

impl Db {
    /// The runs of job `number`, the newest first.
    pub async fn runs(&self, number: i64) -> Result<Vec<RunView>, DbError> {
        Ok(sqlx::query_as(
            "SELECT run.id, run.attempt, run.state, run.outcome, run.worker, run.session, run.claimed_at, run.ended_at,
                    run.cost_micro_usd / 1000000.0 AS cost_usd, run.input_tokens, run.output_tokens, run.turns, run.rehearsed
             FROM run JOIN job ON job.id = run.job_id WHERE job.number = ?1 ORDER BY run.attempt DESC",
        )
        .bind(number)
        .fetch_all(self.read())
        .await?)
    }
}
