//! Beginning a run in rows: its row with its session, and its reservation, in the claim's transaction and before any file
//! or process (rule R1).

use agentlab_domain::outcome;
use fail::fail_point;
use uuid::Uuid;

use super::{
    Db, DbError, Durability, Write,
    claim::{Claim, Seen},
    session::{self, Wanted},
};
use crate::{clock, home::Home, run_dir::RunDir};

/// What was started for a run.
#[derive(Debug)]
pub struct Started<'a> {
    /// No agent works.
    pub rehearsed: bool,
    pub opened: agentlab_domain::session::Opened,
    /// SHA-256 of the instructions that it was given.
    pub instructions: Option<&'a str>,
}

/// Begins a run of the job that was seen.
pub(super) async fn run(
    write: &mut Write,
    home: &Home,
    seen: Seen,
    worker: &str,
    reserved: Option<i64>,
    now: i64,
) -> Result<Claim, DbError> {
    let (run_id, token) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    // The words as they stand now: they may have been edited since the look.
    let (prompt, lane, asked): (String, String, Option<String>) = sqlx::query_as(
        "UPDATE job SET state = 'running', reason = NULL, parked_for = NULL WHERE id = ?1 RETURNING prompt, lane, session",
    )
    .bind(&seen.job_id)
    .fetch_one(&mut **write)
    .await?;
    let wanted = Wanted {
        lane: &lane,
        project: &seen.project,
        workspace: &seen.workspace,
        asked: asked.as_deref(),
        prompt: &prompt,
    };
    let (session, forked_from) = session::choose(write, wanted).await?;
    // It goes on with this one, whatever its lane goes on with by then.
    sqlx::query("UPDATE job SET session = ?2 WHERE id = ?1")
        .bind(&seen.job_id)
        .bind(&session)
        .execute(&mut **write)
        .await?;
    let interrupted = interrupted(write, home, &seen.job_id).await?;
    let attempt = sqlx::query_scalar(
        "INSERT INTO run (id, job_id, attempt, token, state, worker, session, workspace, exclusive, claimed_at,
                          waited_ms)
         SELECT ?1, job.id, 1 + (SELECT COUNT(*) FROM run WHERE run.job_id = job.id), ?2, 'claimed', ?3, ?4,
                job.workspace, job.isolation = 'exclusive', ?5,
                CASE WHEN NOT EXISTS (SELECT 1 FROM run WHERE run.job_id = job.id) THEN MAX(0, ?5 - job.accepted_at) END
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
    fail_point!("claim-run");
    sqlx::query("INSERT INTO spend (run_id, user_id, reserved_micro_usd, reserved_at) VALUES (?1, ?2, ?3, ?4)")
        .bind(&run_id)
        .bind(seen.user_id)
        .bind(reserved.unwrap_or_default())
        .bind(now)
        .execute(&mut **write)
        .await?;
    fail_point!("claim-spend");
    Ok(Claim {
        run_id,
        token,
        attempt,
        session,
        forked_from,
        prompt,
        interrupted,
        reserved,
        claimed_at: now,
        fresh: true,
        worker: worker.to_owned(),
        job_id: seen.job_id,
        number: seen.number,
        project: seen.project,
        workspace: seen.workspace,
        chat: seen.chat,
        user: seen.user_id,
        request: seen.trace_id,
    })
}

/// How the newest earlier run ended that may have worked.
async fn interrupted(write: &mut Write, home: &Home, job_id: &str) -> Result<Option<String>, DbError> {
    let ended: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, outcome FROM run WHERE job_id = ?1 AND outcome IS NOT NULL AND started_at IS NOT NULL
         ORDER BY attempt DESC",
    )
    .bind(job_id)
    .fetch_all(&mut **write)
    .await?;
    let words = |(id, word): &(String, String)| outcome::interruption(word, RunDir::of(home, id).was_moved());
    Ok(ended.iter().find_map(words).map(str::to_owned))
}

impl Db {
    /// Notes that the shim of a run was started, and with what.
    pub async fn run_started(&self, claim: &Claim, started: &Started<'_>) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Full).await?;
        sqlx::query(
            "UPDATE run SET state = 'running', started_at = ?3, rehearsed = ?4, opened = ?5, instructions = ?6
             WHERE id = ?1 AND token = ?2 AND state = 'claimed'",
        )
        .bind(&claim.run_id)
        .bind(&claim.token)
        .bind(clock::now_ms())
        .bind(started.rehearsed)
        .bind(started.opened.as_str())
        .bind(started.instructions)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }
}
