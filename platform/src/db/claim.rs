//! The claim [tx B]: a lane head, its run row and its reservation in one FULL transaction, before any file or process
//! (rule R1). A claim *adopts* when the job's run lives already; then nothing new is begun, whatever a pause, holds,
//! budgets and times say (rule R7).

use agentlab_domain::{budget::Verdict, job};
use fail::fail_point;
use serde::{Deserialize, Serialize};

use super::{Db, DbError, Durability, Write, begin, budget, circuit, park};
use crate::{clock, trace::Trace};

/// A job in the hands of one worker, with its newest run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub job_id: String,
    pub number: i64,
    pub run_id: String,
    pub token: String,
    pub worker: String,
    pub attempt: u32,
    pub session: String,
    /// The session that this one was forked from.
    pub forked_from: Option<String>,
    /// The project's name; a directory that no project names has a name too.
    pub project: String,
    pub workspace: String,
    pub prompt: String,
    /// How an earlier run of the job ended that may have worked.
    pub interrupted: Option<String>,
    /// What the run may spend, millionths of a US dollar; `None` where nothing limits it.
    pub reserved: Option<i64>,
    pub chat: Option<i64>,
    /// Who asked for it, and the request that brought it.
    pub user: Option<i64>,
    pub request: Option<String>,
    /// When the run was claimed first, Unix milliseconds.
    pub claimed_at: i64,
    /// The run row is this claim's own; nobody can have started it.
    pub fresh: bool,
}

impl Claim {
    /// What all work for it belongs to.
    pub fn trace(&self) -> Trace {
        Trace {
            request: self.request.clone(),
            user: self.user,
            job: Some(self.job_id.clone()),
            task: Some(self.number),
            run: Some(self.run_id.clone()),
        }
    }
}

/// Whether a job may run now (`?1`): its run lives already, or nothing keeps it. A head whose directory or session is in
/// use under another job is passed over, never claimed and then refused by the index (rule R7).
///
/// A time that lies further ahead than anything is ever put off (a minute for a retry, 32 days for money, eight days for a
/// limit) was written under another clock: it has come.
macro_rules! may_run {
    () => {
        "CASE WHEN run.id IS NOT NULL THEN run.hold_until <= ?1 OR run.hold_until > ?1 + 3600000
         ELSE job.state IN ('queued', 'retrying', 'parked')
              AND (job.run_at <= ?1
                   OR job.run_at > ?1 + CASE job.state WHEN 'retrying' THEN 60000 ELSE 2764800000 END)
              AND NOT EXISTS (SELECT 1 FROM pause WHERE pause.until IS NULL OR pause.until > ?1)
              AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.until > ?1 AND hold.until <= ?1 + 691200000)
              AND NOT EXISTS (
                  SELECT 1 FROM run other
                  WHERE other.state <> 'over' AND other.workspace = job.workspace AND other.job_id <> job.id
                    AND (other.exclusive = 1 OR job.isolation = 'exclusive'))
              AND NOT EXISTS (
                  SELECT 1 FROM run other JOIN session ON session.id = other.session
                  WHERE other.state <> 'over' AND other.job_id <> job.id
                    AND (session.id = job.session
                         OR (session.lane = job.lane AND session.workspace = job.workspace AND session.state = 'current')))
         END"
    };
}

/// From where a job is claimed, and on what condition: heads only.
macro_rules! claimable {
    () => {
        concat!(
            " FROM job_lane l
              CROSS JOIN job ON job.id = l.job_id
              CROSS JOIN Jobs q ON q.id = job.id
              LEFT JOIN run ON run.job_id = job.id AND run.state <> 'over'
              WHERE l.head = 1 AND q.status = 'Pending' AND ",
            may_run!()
        )
    };
}

/// What may be claimed now: those whose run lives first.
const CLAIMABLE: &str = concat!(
    "SELECT job.id AS job_id, job.number, job.state, job.project, job.workspace, job.prompt, job.chat, job.user_id, job.trace_id,
            run.id AS run_id, run.token, run.attempt, run.session, run.claimed_at",
    claimable!(),
    " ORDER BY run.id IS NULL, l.seq LIMIT 1"
);

/// How many may be claimed now: those whose run lives, and those that would begin one.
const COUNT: &str = concat!("SELECT COUNT(run.id) AS living, COUNT(*) - COUNT(run.id) AS new", claimable!());

/// Takes the lease on the job that was seen, if all that was seen of it still holds.
const LEASE: &str = concat!(
    "UPDATE Jobs SET status = 'Running', lock_by = ?4, lock_at = ?1 / 1000
     WHERE id = ?2 AND status = 'Pending' AND EXISTS (
         SELECT 1 FROM job_lane l
         CROSS JOIN job ON job.id = l.job_id
         LEFT JOIN run ON run.job_id = job.id AND run.state <> 'over'
         WHERE l.job_id = ?2 AND l.head = 1 AND run.id IS ?3 AND ",
    may_run!(),
    ")"
);

/// A job that may be claimed, with its living run if it has one.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Seen {
    pub(super) job_id: String,
    pub(super) number: i64,
    pub(super) state: String,
    pub(super) project: String,
    pub(super) workspace: String,
    pub(super) prompt: String,
    pub(super) chat: Option<i64>,
    pub(super) user_id: Option<i64>,
    pub(super) trace_id: Option<String>,
    pub(super) run_id: Option<String>,
    pub(super) token: Option<String>,
    pub(super) attempt: Option<u32>,
    pub(super) session: Option<String>,
    pub(super) claimed_at: Option<i64>,
}

impl Db {
    /// How many jobs a free worker could take now.
    pub(super) async fn claimable(&self) -> Result<i64, DbError> {
        let (living, new): (i64, i64) = sqlx::query_as(COUNT).bind(clock::now_ms()).fetch_one(self.read()).await?;
        Ok(if new > 0 && self.may_begin().await? { living + new } else { living })
    }

    /// Claims the next job for the worker process `worker`; `None` when there is nothing for it to do.
    pub async fn claim(&self, worker: &str) -> Result<Option<Claim>, DbError> {
        loop {
            // A look without the write lock: idle polls must not make anybody wait.
            let now = clock::now_ms();
            let Some(seen) = sqlx::query_as::<_, Seen>(CLAIMABLE).bind(now).fetch_optional(self.read()).await? else {
                return Ok(None);
            };
            if seen.run_id.is_none() && !self.may_begin().await? {
                // What lives comes first, so nothing that could be adopted stands behind it.
                return Ok(None);
            }
            let mut write = self.begin(Durability::Full).await?;
            fail_point!("claim-begin");
            let leased = sqlx::query(LEASE)
                .bind(now)
                .bind(&seen.job_id)
                .bind(&seen.run_id)
                .bind(worker)
                .execute(&mut *write)
                .await?
                .rows_affected();
            if leased == 0 {
                // Another worker was faster, or a person: look again.
                write.rollback().await?;
                continue;
            }
            fail_point!("claim-lease");
            let claim = match seen.run_id.clone() {
                Some(run_id) => Some(adopt(&mut write, seen, run_id, worker).await?),
                None => self.begin_or_park(&mut write, seen, worker, now).await?,
            };
            if let Some(claim) = claim.as_ref().filter(|claim| claim.fresh)
                && !circuit::admit(&mut write, &claim.run_id).await?
            {
                // The circuit opened, or somebody else is the probe, since the look.
                write.rollback().await?;
                return Ok(None);
            }
            fail_point!("claim-commit");
            write.commit().await?;
            fail_point!("claim-committed");
            if claim.is_some() {
                return Ok(claim);
            }
        }
    }

    /// Begins a run of the job, or parks it where there is no money for one: then `None`.
    async fn begin_or_park(
        &self,
        write: &mut Write,
        seen: Seen,
        worker: &str,
        now: i64,
    ) -> Result<Option<Claim>, DbError> {
        let limits = &self.terms().limits;
        let reserved = match budget::verdict(write, limits, &seen.job_id, seen.user_id).await? {
            Verdict::Free => None,
            Verdict::Reserve(micro) => Some(micro),
            Verdict::Nothing(kind) => {
                let state = job::State::parse(&seen.state).unwrap_or(job::State::Queued);
                park::without_money(write, (&seen.job_id, seen.number, state), kind, limits).await?;
                return Ok(None);
            }
        };
        begin::run(write, self.home(), seen, worker, reserved, now).await.map(Some)
    }

    /// When the next job or run that waits for a time may be taken up (Unix milliseconds).
    pub async fn next_run_at(&self) -> Result<Option<i64>, DbError> {
        Ok(sqlx::query_scalar(
            "SELECT MIN(at) FROM (
                 SELECT run_at AS at FROM job
                 WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison')
                   AND state IN ('queued', 'retrying', 'parked')
                 UNION ALL SELECT hold_until FROM run WHERE state <> 'over'
                 UNION ALL SELECT until FROM hold
                 UNION ALL SELECT until FROM pause)
             WHERE at > ?1",
        )
        .bind(clock::now_ms())
        .fetch_one(self.read())
        .await?)
    }
}

/// Takes up a run that lives: nothing new is begun.
async fn adopt(write: &mut Write, seen: Seen, run_id: String, worker: &str) -> Result<Claim, DbError> {
    sqlx::query("UPDATE run SET worker = ?2, adoptions = adoptions + 1 WHERE id = ?1")
        .bind(&run_id)
        .bind(worker)
        .execute(&mut **write)
        .await?;
    // One of which nobody could tell whether it is over was parked meanwhile.
    sqlx::query(
        "UPDATE job SET state = 'running', reason = NULL, parked_for = NULL WHERE id = ?1 AND state <> 'running'",
    )
    .bind(&seen.job_id)
    .execute(&mut **write)
    .await?;
    Ok(Claim {
        run_id,
        token: seen.token.unwrap_or_default(),
        attempt: seen.attempt.unwrap_or(1),
        session: seen.session.unwrap_or_default(),
        forked_from: None,
        interrupted: None,
        reserved: None,
        claimed_at: seen.claimed_at.unwrap_or_default(),
        fresh: false,
        worker: worker.to_owned(),
        job_id: seen.job_id,
        number: seen.number,
        project: seen.project,
        workspace: seen.workspace,
        prompt: seen.prompt,
        chat: seen.chat,
        user: seen.user_id,
        request: seen.trace_id,
    })
}
