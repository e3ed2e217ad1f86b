//! The claim [tx B]: a lane head, its run row and its reservation in one FULL transaction, before any file or process
//! (rule R1). A claim *adopts* when the job's run lives already; then nothing new is begun.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Db, DbError, Durability, Write, circuit};
use crate::clock;

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
    pub workspace: String,
    pub prompt: String,
    pub chat: Option<i64>,
    /// When the run was claimed first, Unix milliseconds.
    pub claimed_at: i64,
    /// The run row is this claim's own; nobody can have started it.
    pub fresh: bool,
}

/// Whether a job may run now (`?1`): its run lives already, or nothing keeps it. A head whose directory is in use under
/// another job is passed over, never claimed and then refused by the index (rule R7).
macro_rules! may_run {
    () => {
        "(run.id IS NOT NULL
          OR (job.state IN ('queued', 'retrying', 'parked') AND job.run_at <= ?1
              AND NOT EXISTS (
                  SELECT 1 FROM run other
                  WHERE other.state <> 'over' AND other.workspace = job.workspace AND other.job_id <> job.id
                    AND (other.exclusive = 1 OR job.isolation = 'exclusive'))))"
    };
}

/// What may be claimed now: heads only, those whose run lives first.
const CLAIMABLE: &str = concat!(
    "SELECT job.id AS job_id, job.number, job.workspace, job.prompt, job.chat, run.id AS run_id, run.token, run.attempt,
            run.session, run.claimed_at
     FROM job_lane l
     CROSS JOIN job ON job.id = l.job_id
     CROSS JOIN Jobs q ON q.id = job.id
     LEFT JOIN run ON run.job_id = job.id AND run.state <> 'over'
     WHERE l.head = 1 AND q.status = 'Pending' AND ",
    may_run!(),
    " ORDER BY run.id IS NULL, l.seq LIMIT 1"
);

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
struct Seen {
    job_id: String,
    number: i64,
    workspace: String,
    prompt: String,
    chat: Option<i64>,
    run_id: Option<String>,
    token: Option<String>,
    attempt: Option<u32>,
    session: Option<String>,
    claimed_at: Option<i64>,
}

impl Db {
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
            let claim = match seen.run_id.clone() {
                Some(run_id) => adopt(&mut write, seen, run_id, worker).await?,
                None => begin_run(&mut write, seen, worker, now).await?,
            };
            if claim.fresh && !circuit::admit(&mut write, &claim.run_id).await? {
                // The circuit opened, or somebody else is the probe, since the look.
                write.rollback().await?;
                return Ok(None);
            }
            write.commit().await?;
            return Ok(Some(claim));
        }
    }

    /// When the next job that waits for a time may run (Unix milliseconds).
    pub async fn next_run_at(&self) -> Result<Option<i64>, DbError> {
        Ok(sqlx::query_scalar(
            "SELECT MIN(run_at) FROM job
             WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') AND state IN ('queued', 'retrying', 'parked')
               AND run_at > ?1",
        )
        .bind(clock::now_ms())
        .fetch_one(self.read())
        .await?)
    }

    /// Notes that the shim of a run was started.
    pub async fn run_started(&self, claim: &Claim, rehearsed: bool) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query(
            "UPDATE run SET state = 'running', started_at = ?3, rehearsed = ?4
             WHERE id = ?1 AND token = ?2 AND state = 'claimed'",
        )
        .bind(&claim.run_id)
        .bind(&claim.token)
        .bind(clock::now_ms())
        .bind(rehearsed)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }
}

/// Takes up a run that lives: nothing new is begun.
async fn adopt(write: &mut Write, seen: Seen, run_id: String, worker: &str) -> Result<Claim, DbError> {
    sqlx::query("UPDATE run SET worker = ?2 WHERE id = ?1").bind(&run_id).bind(worker).execute(&mut **write).await?;
    Ok(Claim {
        run_id,
        token: seen.token.unwrap_or_default(),
        attempt: seen.attempt.unwrap_or(1),
        session: seen.session.unwrap_or_default(),
        claimed_at: seen.claimed_at.unwrap_or_default(),
        fresh: false,
        worker: worker.to_owned(),
        job_id: seen.job_id,
        number: seen.number,
        workspace: seen.workspace,
        prompt: seen.prompt,
        chat: seen.chat,
    })
}

/// Begins a run: its row and its reservation, before any file or process (rule R1).
async fn begin_run(write: &mut Write, seen: Seen, worker: &str, now: i64) -> Result<Claim, DbError> {
    let (run_id, token, session) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    // The words as they stand now: they may have been edited since the look.
    let prompt = sqlx::query_scalar("UPDATE job SET state = 'running', reason = NULL WHERE id = ?1 RETURNING prompt")
        .bind(&seen.job_id)
        .fetch_one(&mut **write)
        .await?;
    let attempt = sqlx::query_scalar(
        "INSERT INTO run (id, job_id, attempt, token, state, worker, session, workspace, exclusive, claimed_at)
         SELECT ?1, job.id, 1 + (SELECT COUNT(*) FROM run WHERE run.job_id = job.id), ?2, 'claimed', ?3, ?4,
                job.workspace, job.isolation = 'exclusive', ?5
         FROM job WHERE job.id = ?6 RETURNING attempt",
    )
    .bind(&run_id)
    .bind(&token)
    .bind(worker)
    .bind(&session)
    .bind(now)
    .bind(&seen.job_id)
    .fetch_one(&mut **write)
    .await?;
    // Nothing is reserved while no budget is configured; the row exists so that what is spent has its place.
    sqlx::query(
        "INSERT INTO spend (run_id, user_id, reserved_micro_usd, reserved_at)
         SELECT ?1, user_id, 0, ?2 FROM job WHERE id = ?3",
    )
    .bind(&run_id)
    .bind(now)
    .bind(&seen.job_id)
    .execute(&mut **write)
    .await?;
    Ok(Claim {
        run_id,
        token,
        attempt,
        session,
        prompt,
        claimed_at: now,
        fresh: true,
        worker: worker.to_owned(),
        job_id: seen.job_id,
        number: seen.number,
        workspace: seen.workspace,
        chat: seen.chat,
    })
}
