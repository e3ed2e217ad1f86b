//! The claim [tx B]: a lane head, its run row and its reservation in one FULL transaction, before any file or process
//! (rule R1). A claim *adopts* when the job's run lives already; then nothing new is begun.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Db, DbError, Durability};
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
    /// The run was started without an agent.
    pub rehearsed: bool,
}

/// What may be claimed now: heads only, the living first; a head whose directory or session is in use under another job
/// is passed over, never claimed and then refused by the index (rule R7).
const CLAIMABLE: &str = "
    SELECT job.id, job.number, run.id, run.token, run.attempt, run.session, job.workspace, job.prompt, job.chat,
           run.claimed_at, run.rehearsed
    FROM job_lane l
    CROSS JOIN job ON job.id = l.job_id
    CROSS JOIN Jobs q ON q.id = job.id
    LEFT JOIN run ON run.job_id = job.id AND run.state <> 'over'
    WHERE l.head = 1 AND q.status = 'Pending'
      AND (run.id IS NOT NULL
           OR (job.state IN ('queued', 'retrying', 'parked') AND job.run_at <= ?1
               AND NOT EXISTS (
                   SELECT 1 FROM run other
                   WHERE other.state <> 'over' AND other.workspace = job.workspace AND other.job_id <> job.id
                     AND (other.exclusive = 1 OR job.isolation = 'exclusive'))))
    ORDER BY run.id IS NULL, l.seq
    LIMIT 1";

type Row = (
    String,
    i64,
    Option<String>,
    Option<String>,
    Option<u32>,
    Option<String>,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<bool>,
);

impl Db {
    /// Claims the next job for the worker process `worker`; `None` when there is nothing for it to do.
    pub async fn claim(&self, worker: &str) -> Result<Option<Claim>, DbError> {
        // A look without the write lock: idle polls must not make anybody wait.
        let seen: Option<Row> = sqlx::query_as(CLAIMABLE).bind(clock::now_ms()).fetch_optional(self.read()).await?;
        if seen.is_none() {
            return Ok(None);
        }
        let now = clock::now_ms();
        let mut write = self.begin(Durability::Full).await?;
        let Some(row) = sqlx::query_as::<_, Row>(CLAIMABLE).bind(now).fetch_optional(&mut *write).await? else {
            return Ok(None);
        };
        sqlx::query(
            "UPDATE Jobs SET status = 'Running', lock_by = ?2, lock_at = ?3 WHERE id = ?1 AND status = 'Pending'",
        )
        .bind(&row.0)
        .bind(worker)
        .bind(now / 1000)
        .execute(&mut *write)
        .await?;
        let claim = match row {
            (job_id, number, Some(run_id), Some(token), attempt, session, workspace, prompt, chat, at, rehearsed) => {
                sqlx::query("UPDATE run SET worker = ?2 WHERE id = ?1")
                    .bind(&run_id)
                    .bind(worker)
                    .execute(&mut *write)
                    .await?;
                Claim {
                    job_id,
                    number,
                    run_id,
                    token,
                    worker: worker.to_owned(),
                    attempt: attempt.unwrap_or(1),
                    session: session.unwrap_or_default(),
                    workspace,
                    prompt,
                    chat,
                    claimed_at: at.unwrap_or(now),
                    fresh: false,
                    rehearsed: rehearsed.unwrap_or_default(),
                }
            }
            (job_id, number, _, _, _, _, workspace, prompt, chat, _, _) => {
                let claim = Claim {
                    attempt: 0,
                    run_id: Uuid::new_v4().to_string(),
                    token: Uuid::new_v4().to_string(),
                    session: Uuid::new_v4().to_string(),
                    worker: worker.to_owned(),
                    claimed_at: now,
                    fresh: true,
                    rehearsed: false,
                    job_id,
                    number,
                    workspace,
                    prompt,
                    chat,
                };
                begin_run(&mut write, claim).await?
            }
        };
        write.commit().await?;
        Ok(Some(claim))
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

async fn begin_run(write: &mut super::Write, mut claim: Claim) -> Result<Claim, DbError> {
    claim.attempt = sqlx::query_scalar(
        "INSERT INTO run (id, job_id, attempt, token, state, worker, session, workspace, exclusive, claimed_at)
         SELECT ?1, job.id, 1 + (SELECT COUNT(*) FROM run WHERE run.job_id = job.id), ?2, 'claimed', ?3, ?4,
                job.workspace, job.isolation = 'exclusive', ?5
         FROM job WHERE job.id = ?6 RETURNING attempt",
    )
    .bind(&claim.run_id)
    .bind(&claim.token)
    .bind(&claim.worker)
    .bind(&claim.session)
    .bind(claim.claimed_at)
    .bind(&claim.job_id)
    .fetch_one(&mut **write)
    .await?;
    // Nothing is reserved while no budget is configured; the row exists so that what is spent has its place (rule R1).
    sqlx::query(
        "INSERT INTO spend (run_id, user_id, reserved_micro_usd, reserved_at)
         SELECT ?1, user_id, 0, ?2 FROM job WHERE id = ?3",
    )
    .bind(&claim.run_id)
    .bind(claim.claimed_at)
    .bind(&claim.job_id)
    .execute(&mut **write)
    .await?;
    sqlx::query("UPDATE job SET state = 'running', reason = NULL WHERE id = ?1")
        .bind(&claim.job_id)
        .execute(&mut **write)
        .await?;
    Ok(claim)
}
