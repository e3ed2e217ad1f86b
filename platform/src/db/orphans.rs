//! What the rows say of runs to the one who looks after orphans: which live and who holds them, which ended lately, and
//! whether a run is known at all. Reading only.

use agentlab_domain::{
    job,
    run::{self, State},
};
use sqlx::FromRow;

use super::{Db, DbError};
use crate::clock;

/// A run that is not over, as its rows have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    pub id: String,
    /// The number of its job.
    pub task: i64,
    pub state: State,
    /// Who holds its job's lease.
    pub leased_by: Option<String>,
    /// Somebody wants it stopped: who asked, or how its job ended without it.
    pub unwanted_by: Option<String>,
    /// It was looked at in vain, and is left alone for a time.
    pub held: bool,
}

#[derive(FromRow)]
struct Row {
    id: String,
    number: i64,
    state: String,
    lock_by: Option<String>,
    stop_by: Option<String>,
    job_state: String,
    hold_until: i64,
}

/// A run that is known, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KnownRun {
    pub id: String,
    /// The number of its job.
    pub task: i64,
    pub over: bool,
}

/// Where a hold lies further ahead than this it was written under another clock, and has ended (see `claim`).
const LONGEST_HOLD_MS: i64 = 3_600_000;

/// The live runs, by their partial indexes.
pub(super) const LIVE: &str =
    "SELECT run.id, job.number, run.state, CASE q.status WHEN 'Running' THEN q.lock_by END AS lock_by,
                    job.stop_by, job.state AS job_state, run.hold_until
             FROM run JOIN job ON job.id = run.job_id LEFT JOIN Jobs q ON q.id = run.job_id
             WHERE run.state <> 'over'";

impl Db {
    /// The runs that are not over.
    pub async fn followed_and_orphaned(&self) -> Result<Vec<LiveRun>, DbError> {
        let rows: Vec<Row> = sqlx::query_as(LIVE).fetch_all(self.read()).await?;
        let now = clock::now_ms();
        Ok(rows.into_iter().filter_map(|row| row.read(now)).collect())
    }

    /// What is known of the run `id`; `None` when it is no run of this database.
    pub async fn known_run(&self, id: &str) -> Result<Option<KnownRun>, DbError> {
        let query = "SELECT run.id, job.number AS task, run.state = 'over' AS over
                     FROM run JOIN job ON job.id = run.job_id WHERE run.id = ?1";
        Ok(sqlx::query_as(query).bind(id).fetch_optional(self.read()).await?)
    }

    /// The newest runs, those that are over: so many are looked at.
    pub async fn newest_over(&self, of: u32) -> Result<Vec<KnownRun>, DbError> {
        let query = "SELECT newest.id, job.number AS task, 1 AS over
                     FROM (SELECT id, job_id, state FROM run ORDER BY rowid DESC LIMIT ?1) newest
                     JOIN job ON job.id = newest.job_id WHERE newest.state = 'over'";
        Ok(sqlx::query_as(query).bind(of).fetch_all(self.read()).await?)
    }
}

impl Row {
    /// A state of a newer release is passed over.
    fn read(self, now: i64) -> Option<LiveRun> {
        let state = run::State::ALL.into_iter().find(|state| state.as_str() == self.state)?;
        let ended = job::State::parse(&self.job_state)?.is_ended();
        let unwanted_by = self.stop_by.or_else(|| ended.then(|| format!("its task is {}", self.job_state)));
        let held = self.hold_until > now && self.hold_until <= now.saturating_add(LONGEST_HOLD_MS);
        Some(LiveRun { id: self.id, task: self.number, state, leased_by: self.lock_by, unwanted_by, held })
    }
}
