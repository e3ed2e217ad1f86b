//! Jobs as people read them.

use serde::Serialize;

use super::{Db, DbError};

/// A job with what its newest run shows.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct JobView {
    /// The number that people use.
    pub id: i64,
    pub state: String,
    pub channel: String,
    /// Tasks of one lane are done one after the other.
    pub lane: String,
    pub project: String,
    pub workspace: String,
    pub prompt: String,
    pub reason: Option<String>,
    pub answer: Option<String>,
    /// Unix milliseconds.
    pub accepted_at: i64,
    pub run_at: i64,
    pub ended_at: Option<i64>,
    /// Attempts so far.
    pub attempts: i64,
    /// The newest run.
    pub run: Option<String>,
    pub run_state: Option<String>,
    pub activity: Option<String>,
    /// Of the newest run, Unix milliseconds.
    pub claimed_at: Option<i64>,
    pub session: Option<String>,
    /// Of all runs, as far as it is known.
    pub cost_usd: Option<f64>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub rehearsed: Option<bool>,
    /// The task that this one does again.
    pub retry_of: Option<i64>,
    /// The request that brought it: `agentlab logs --request` shows its way.
    pub trace_id: Option<String>,
    /// Jobs of the same lane before it.
    pub ahead: i64,
}

const VIEW: &str = "
    SELECT job.number AS id, job.state, job.channel, job.lane, job.project, job.workspace, job.prompt, job.reason, job.answer,
           job.accepted_at, job.run_at, job.ended_at, job.retry_of, job.trace_id,
           (SELECT COUNT(*) FROM run WHERE run.job_id = job.id) AS attempts,
           r.id AS run, r.state AS run_state, r.activity, r.claimed_at, r.session, r.rehearsed,
           (SELECT SUM(cost_micro_usd) / 1000000.0 FROM run WHERE run.job_id = job.id) AS cost_usd,
           (SELECT SUM(input_tokens) FROM run WHERE run.job_id = job.id) AS input_tokens,
           (SELECT SUM(output_tokens) FROM run WHERE run.job_id = job.id) AS output_tokens,
           (SELECT COUNT(*) FROM job_lane l JOIN job_lane own ON own.lane = l.lane AND l.seq < own.seq
            WHERE own.job_id = job.id) AS ahead
    FROM job
    LEFT JOIN run r ON r.job_id = job.id AND r.attempt = (SELECT MAX(attempt) FROM run WHERE run.job_id = job.id)";

impl Db {
    /// One job; `None` when there is none of this number.
    pub async fn job(&self, number: i64) -> Result<Option<JobView>, DbError> {
        let query = format!("{VIEW} WHERE job.number = ?1");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(number).fetch_optional(self.read()).await?)
    }

    /// The newest jobs first; with `live_only` those that have not ended.
    pub async fn jobs(&self, live_only: bool, limit: u32) -> Result<Vec<JobView>, DbError> {
        self.list(&Listed { live: live_only, limit, ..Listed::default() }).await
    }

    /// Those that are asked for, the newest first.
    pub async fn list(&self, listed: &Listed) -> Result<Vec<JobView>, DbError> {
        let query = format!(
            "{VIEW} WHERE (?1 = 0 OR job.ended_at IS NULL) AND (?2 IS NULL OR job.number < ?2)
                AND (?3 IS NULL OR instr(lower(job.prompt), ?3) > 0 OR instr(lower(job.answer), ?3) > 0)
                AND (?5 IS NULL OR job.state = ?5) AND (?6 IS NULL OR job.project = ?6)
             ORDER BY job.number DESC LIMIT ?4"
        );
        let words = listed.words.as_deref().map(str::trim).filter(|words| !words.is_empty()).map(str::to_lowercase);
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(listed.live)
            .bind(listed.before)
            .bind(words)
            .bind(listed.limit)
            .bind(&listed.state)
            .bind(&listed.project)
            .fetch_all(self.read())
            .await?)
    }
}

/// Which jobs are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Only those that have not ended.
    pub live: bool,
    /// Only those with a smaller number.
    pub before: Option<i64>,
    /// Only those whose prompt or answer holds these words, in small or capital letters (of the Latin alphabet).
    pub words: Option<String>,
    /// Only those in this state.
    pub state: Option<String>,
    /// Only those of this project.
    pub project: Option<String>,
    pub limit: u32,
}
