//! Ending a job that has no run: by a person, or for want of money. One that has a run ends by its finish.

use agentlab_domain::{answer, job};

use super::{DbError, Write, lanes, outbox};
use crate::clock;

/// Ends the job in this state. `reason` is what its row says, `answer` the whole of its outcome, `message` what its chat reads.
pub(super) async fn without_run(
    write: &mut Write,
    job_id: &str,
    state: job::State,
    reason: &str,
    answer: &str,
    message: &str,
) -> Result<(), DbError> {
    let now = clock::now_ms();
    sqlx::query("UPDATE job SET state = ?2, reason = ?3, answer = ?4, ended_at = ?5 WHERE id = ?1")
        .bind(job_id)
        .bind(state.as_str())
        .bind(reason)
        .bind(answer)
        .bind(now)
        .execute(&mut **write)
        .await?;
    sqlx::query("UPDATE Jobs SET status = ?2, done_at = ?3, lock_by = NULL, lock_at = NULL WHERE id = ?1")
        .bind(job_id)
        .bind(state.queue_status())
        .bind(now / 1000)
        .execute(&mut **write)
        .await?;
    lanes::leave(write, job_id).await?;
    outbox::show(write, job_id, &answer::reply(message), true).await
}
