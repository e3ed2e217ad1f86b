//! Parking: a job that could begin and must not, or whose run cannot be judged, waits for a time and says why. It keeps
//! its place in its lane, and uses up no attempt.

use agentlab_domain::{
    answer,
    budget::{Kind, Limits},
    job,
    retry::ParkedFor,
};

use super::{Db, DbError, Durability, Write, budget, claim::Claim, end, outbox, release, said};
use crate::{calendar, clock};

/// Parks a job for which nothing remains of a budget; one whose own budget is used up ends, since that comes back on no
/// day.
pub(super) async fn without_money(
    write: &mut Write,
    (job_id, number, state): (&str, i64, job::State),
    kind: Kind,
    limits: &Limits,
) -> Result<(), DbError> {
    let now = clock::now_ms();
    let words = budget::words(kind, limits);
    if kind == Kind::Job {
        let failed = job::next(state, job::Event::Fail)?;
        let message = format!("Task {number}: failed, {words}");
        return end::without_run(write, job_id, failed, &words, &message, &message).await;
    }
    let at = budget::begins_anew(kind, now);
    let parked = job::next(state, job::Event::Park)?;
    sqlx::query("UPDATE job SET state = ?2, reason = ?3, run_at = ?4, parked_for = ?5 WHERE id = ?1")
        .bind(job_id)
        .bind(parked.as_str())
        .bind(&words)
        .bind(at)
        .bind(ParkedFor::Budget.as_str())
        .execute(&mut **write)
        .await?;
    sqlx::query("UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL WHERE id = ?1")
        .bind(job_id)
        .execute(&mut **write)
        .await?;
    let body = answer::waits(number, &words, &calendar::clock_time(at, now));
    outbox::show(write, job_id, &body, true).await
}

impl Db {
    /// Lets go of a run of which nobody can tell whether it is over (rule R3): it is left alone until `until` (Unix
    /// milliseconds), the chat and the owner are told.
    pub async fn hold_run(&self, claim: &Claim, until: i64) -> Result<(), DbError> {
        let why = "I cannot tell whether its earlier run is over, so I neither end it nor begin another";
        let mut write = self.begin(Durability::Full).await?;
        let held = sqlx::query(
            "UPDATE run SET hold_until = ?3, worker = NULL WHERE id = ?1 AND token = ?2 AND state <> 'over'",
        )
        .bind(&claim.run_id)
        .bind(&claim.token)
        .bind(until)
        .execute(&mut *write)
        .await?
        .rows_affected();
        let leased = release::lease(&mut write, &claim.worker, &claim.job_id).await?;
        if held == 0 || !leased {
            return write.rollback().await;
        }
        let parked = job::next(job::State::Running, job::Event::Park)?;
        sqlx::query("UPDATE job SET state = ?2, reason = ?3, parked_for = ?4 WHERE id = ?1")
            .bind(&claim.job_id)
            .bind(parked.as_str())
            .bind(why)
            .bind(ParkedFor::CannotTell.as_str())
            .execute(&mut *write)
            .await?;
        let body = answer::waits(claim.number, why, &calendar::clock_time(until, clock::now_ms()));
        outbox::show(&mut write, &claim.job_id, &body, true).await?;
        let words =
            format!("Task {}: {why}. `agentlab logs` says more; its files are in runs/{}.", claim.number, claim.run_id);
        let key = format!("cannot_tell:{}", claim.run_id);
        said::owner_once(&mut write, self.terms().owner, &key, &words).await?;
        write.commit().await
    }
}
