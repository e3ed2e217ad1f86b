//! Progress of a living run in rows: for the status message, `ask` and `status`. NORMAL: losing a second of it is no loss.

use agentlab_domain::{answer::Body, circuit::Calls, progress::Progress};

use super::{Db, DbError, Durability, circuit, claim::Claim, outbox};

/// What the rows say to the worker that follows a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Who asked for it to stop.
    pub stop_by: Option<String>,
    /// This worker still holds the job; otherwise it must let go.
    pub leased: bool,
    /// The run's calls opened or closed the circuit: others should look.
    pub circuit_changed: bool,
}

impl Db {
    /// Notes what a run does, for a chat the body of its status message, and all calls of the service that it made so far (the
    /// last of them at `called_at` at the latest). Returns what the rows say to the worker that follows it.
    pub async fn progress(
        &self,
        claim: &Claim,
        progress: &Progress,
        body: Option<&Body>,
        (calls, called_at): (Calls, i64),
    ) -> Result<Watch, DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query(
            "UPDATE run SET heartbeat = heartbeat + 1, progress = ?3, activity = COALESCE(?4, activity)
             WHERE id = ?1 AND token = ?2 AND state <> 'over'",
        )
        .bind(&claim.run_id)
        .bind(&claim.token)
        .bind(i64::try_from(progress.bytes).unwrap_or(i64::MAX))
        .bind(&progress.activity)
        .execute(&mut *write)
        .await?;
        if let Some(body) = body {
            outbox::show(&mut write, &claim.job_id, body, false).await?;
        }
        let circuit_changed = circuit::count_run(&mut write, &claim.run_id, calls, called_at).await?;
        let row: Option<(Option<String>, Option<String>)> =
            sqlx::query_as("SELECT job.stop_by, q.lock_by FROM job JOIN Jobs q ON q.id = job.id WHERE job.id = ?1")
                .bind(&claim.job_id)
                .fetch_optional(&mut *write)
                .await?;
        write.commit().await?;
        let (stop_by, lease) = row.unwrap_or_default();
        Ok(Watch { stop_by, circuit_changed, leased: lease.as_deref() == Some(claim.worker.as_str()) })
    }
}
