//! Jobs as people read them.

use serde::Serialize;
use sqlx::{QueryBuilder, Sqlite};
use utoipa::ToSchema;

use super::{Db, DbError};

/// A job with what its newest run shows.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow, ToSchema)]
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

    /// Where a job that has not ended is, in the words of `v_queue`.
    pub async fn place(&self, number: i64) -> Result<Option<String>, DbError> {
        let query = sqlx::query_scalar("SELECT place FROM v_queue WHERE task = ?1");
        Ok(query.bind(number).fetch_optional(self.read()).await?)
    }

    /// The newest jobs first; with `live_only` those that have not ended.
    pub async fn jobs(&self, live_only: bool, limit: u32) -> Result<Vec<JobView>, DbError> {
        self.list(&Listed { live: live_only, limit, ..Listed::default() }).await
    }

    /// Those that ended last.
    pub async fn lately(&self, limit: u32) -> Result<Vec<JobView>, DbError> {
        let query = format!("{VIEW} WHERE job.ended_at IS NOT NULL ORDER BY job.ended_at DESC LIMIT ?1");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(limit).fetch_all(self.read()).await?)
    }

    /// Those that are asked for, the newest first, however long it takes to find them.
    pub async fn list(&self, listed: &Listed) -> Result<Vec<JobView>, DbError> {
        let (mut found, mut asked) = (Vec::new(), listed.clone());
        loop {
            let page = self.page_of_jobs(&asked).await?;
            asked.limit -= u32::try_from(page.jobs.len()).unwrap_or(u32::MAX).min(asked.limit);
            found.extend(page.jobs);
            asked.before = page.next;
            if asked.limit == 0 || page.next.is_none() {
                return Ok(found);
            }
        }
    }

    /// One page of those that are asked for, the newest first. Words are looked for among so many tasks at a time: a page may
    /// hold few of them, or none, and yet have a next one.
    pub async fn page_of_jobs(&self, listed: &Listed) -> Result<Listing, DbError> {
        let words = listed.words.as_deref().map(str::trim).filter(|words| !words.is_empty());
        let newest = self.newest().await?.saturating_add(1);
        let before = listed.before.map_or(newest, |before| before.min(newest));
        let oldest = words.map(|_| before.saturating_sub(SEARCHED)).filter(|oldest| *oldest > 1);
        let mut query = QueryBuilder::<Sqlite>::new(VIEW);
        // Those that have not ended are few: found by their index, they are put in order, and not met one by one in the order of all.
        let number = if listed.live { "+job.number" } else { "job.number" };
        query.push(" WHERE ").push(number).push(" < ").push_bind(before);
        if let Some(oldest) = oldest {
            query.push(" AND ").push(number).push(" >= ").push_bind(oldest);
        }
        if listed.live {
            query.push(" AND job.state NOT IN ('done', 'failed', 'cancelled', 'poison')");
        }
        if let Some(state) = &listed.state {
            query.push(" AND job.state = ").push_bind(state);
        }
        if let Some(project) = &listed.project {
            query.push(" AND job.project = ").push_bind(project);
        }
        if let Some(words) = words {
            // SQLite knows the capitals of these letters alone.
            let words = words.to_ascii_lowercase();
            query.push(" AND (instr(lower(job.prompt), ").push_bind(words.clone());
            query.push(") > 0 OR instr(lower(job.answer), ").push_bind(words).push(") > 0)");
        }
        query.push(" ORDER BY ").push(number).push(" DESC LIMIT ").push_bind(i64::from(listed.limit) + 1);
        let mut jobs: Vec<JobView> = query.build_query_as().fetch_all(self.read()).await?;
        let limit = usize::try_from(listed.limit).unwrap_or(usize::MAX);
        let next = if jobs.len() > limit {
            jobs.truncate(limit);
            jobs.last().map(|job| job.id)
        } else {
            oldest
        };
        Ok(Listing { jobs, next })
    }

    /// The number of the newest job, or 0.
    async fn newest(&self) -> Result<i64, DbError> {
        Ok(sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM job").fetch_one(self.read()).await?)
    }
}

/// Among so many tasks words are looked for at a time.
const SEARCHED: i64 = 5_000;

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

/// A page of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub jobs: Vec<JobView>,
    /// What to give as `before` for the next page; `None` where there is none.
    pub next: Option<i64>,
}
