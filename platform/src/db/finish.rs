//! The finish [tx C]: the run is over, its cost is settled, the job has its outcome or its next time, the lane moves on,
//! and what the chat is owed is in the outbox; all in one FULL transaction, fenced by token and lease (rule R6).

use agentlab_domain::{
    answer::Body,
    circuit::Calls,
    job,
    outcome::{Exit, Outcome, ResultEvent},
    retry::{History, Next, ParkedFor},
    session::Opened,
};
use fail::fail_point;

use super::{Db, DbError, Durability, Write, budget, circuit, claim::Claim, hold, lanes, outage, outbox, session};
use crate::clock;

/// An outage excuses the runs of a job for this long after it was accepted: nothing is tried for ever.
const EXCUSED_MS: i64 = 24 * 3_600_000;

/// How a run and its job go on.
#[derive(Debug)]
pub struct Finish<'a> {
    pub exit: &'a Exit,
    pub outcome: &'a Outcome,
    pub next: Next,
    /// Whether the run used up an attempt of its job.
    pub uses_attempt: bool,
    pub result: Option<&'a ResultEvent>,
    /// What is known of its beginning; `None` where no agent ever began: then it cost nothing.
    pub began: Option<Began>,
    /// The whole answer, for `agentlab job` and `ask`.
    pub answer: &'a str,
    /// The messages for the chat; the first replaces the status message.
    pub messages: &'a [Body],
    /// A short new message after long work.
    pub notice: Option<&'a Body>,
    /// All calls of the service that the run made.
    pub calls: Calls,
    /// When the last of them was made, at the latest (Unix milliseconds).
    pub called_at: i64,
}

/// How a run began, as its directory tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Began {
    pub opened: Option<Opened>,
    /// SHA-256 of its instructions.
    pub instructions: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    Settled,
    /// Somebody asked for it to stop: it must not run again. Nothing was changed.
    StopAsked {
        by: String,
    },
    /// The lease was lost: somebody else holds this job, and nothing was changed.
    LeaseLost,
}

impl Db {
    /// What the job's earlier runs, and the reservation of this one, say to the retry decision.
    pub async fn history(&self, claim: &Claim) -> Result<History, DbError> {
        let (used, lost, sessions_lost, outage): (u32, u32, u32, bool) = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE uses_attempt = 1), COUNT(*) FILTER (WHERE outcome = 'lost'),
                    COUNT(*) FILTER (WHERE outcome = 'session_lost'),
                    EXISTS (SELECT 1 FROM circuit, job WHERE circuit.service = 'claude' AND circuit.state <> 'closed'
                              AND job.id = ?1 AND job.accepted_at > ?2)
             FROM run WHERE job_id = ?1 AND outcome IS NOT NULL",
        )
        .bind(&claim.job_id)
        .bind(self.believed_now().await? - clock::scaled_ms(EXCUSED_MS))
        .fetch_one(self.read())
        .await?;
        let short_until = budget::short_until(self, claim).await?;
        Ok(History { used, lost, sessions_lost, outage, short_until })
    }

    /// Whether the job lost its conversation and began a new one.
    pub async fn began_anew(&self, job_id: &str) -> Result<bool, DbError> {
        let query = "SELECT EXISTS (SELECT 1 FROM run WHERE job_id = ?1 AND outcome = 'session_lost')";
        Ok(sqlx::query_scalar(query).bind(job_id).fetch_one(self.read()).await?)
    }

    /// What one run's end means to others: its conversation, every task of its account, the service, the budgets.
    async fn tell_others(&self, write: &mut Write, claim: &Claim, finish: &Finish<'_>) -> Result<(), DbError> {
        if let Outcome::SessionLost(why) = finish.outcome {
            session::set_aside(write, &claim.session, why).await?;
        }
        if let Next::Park { at, cause } = finish.next {
            hold::set(write, cause, at, &claim.job_id).await?;
        }
        if *finish.outcome == Outcome::Succeeded {
            hold::lift(write, claim.claimed_at).await?;
        }
        circuit::count_run(write, &claim.run_id, finish.calls, finish.called_at).await?;
        if matches!(finish.next, Next::Park { cause: ParkedFor::Unavailable, .. }) {
            circuit::probe_ended(write, &claim.run_id).await?;
        }
        if !finish.next.ends_job() {
            outage::tell(write).await?;
        }
        budget::spent(write, &self.terms().limits, self.terms().owner, &claim.run_id).await
    }

    /// Finishes a run and decides its job.
    pub async fn finish(&self, claim: &Claim, finish: &Finish<'_>) -> Result<Finished, DbError> {
        let now = clock::now_ms();
        let mut write = self.begin(Durability::Full).await?;
        let state = job::next(job::State::Running, finish.next.event())?;
        let status = if state.is_ended() { state.queue_status() } else { "Pending" };
        let leased = sqlx::query(
            "UPDATE Jobs SET status = ?3, lock_by = NULL, lock_at = NULL, done_at = ?4, attempts = ?5
             WHERE id = ?1 AND +lock_by = ?2 AND status = 'Running'",
        )
        .bind(&claim.job_id)
        .bind(&claim.worker)
        .bind(status)
        .bind(state.is_ended().then_some(now / 1000))
        .bind(claim.attempt)
        .execute(&mut *write)
        .await?
        .rows_affected();
        fail_point!("finish-lease");
        let stop_by: Option<String> = sqlx::query_scalar("SELECT stop_by FROM job WHERE id = ?1")
            .bind(&claim.job_id)
            .fetch_one(&mut *write)
            .await?;
        if let Some(by) = stop_by.filter(|_| !finish.next.ends_job()) {
            return Ok(Finished::StopAsked { by });
        }
        if leased == 0 || settle_run(&mut write, claim, finish, now).await? == 0 {
            return Ok(Finished::LeaseLost);
        }
        fail_point!("finish-run");
        let run_at = match finish.next {
            Next::Retry { at } | Next::Park { at, .. } => at,
            Next::Done | Next::Failed | Next::Cancelled | Next::Poison => 0,
        };
        let reason = (finish.next != Next::Done).then(|| finish.outcome.reason());
        sqlx::query(
            "UPDATE job SET state = ?2, reason = ?3, answer = ?4, run_at = ?5, ended_at = ?6, stop_by = NULL, parked_for = ?7
             WHERE id = ?1",
        )
        .bind(&claim.job_id)
        .bind(state.as_str())
        .bind(reason)
        .bind(state.is_ended().then_some(finish.answer))
        .bind(run_at)
        .bind(state.is_ended().then_some(now))
        .bind(parked_for(finish.next))
        .execute(&mut *write)
        .await?;
        fail_point!("finish-job");
        if !state.holds_lane() {
            lanes::leave(&mut write, &claim.job_id).await?;
        }
        fail_point!("finish-outbox");
        outbox::write_outcome(&mut write, &claim.job_id, finish.messages, finish.notice).await?;
        fail_point!("finish-others");
        self.tell_others(&mut write, claim, finish).await?;
        fail_point!("finish-commit");
        write.commit().await?;
        fail_point!("finish-committed");
        Ok(Finished::Settled)
    }
}

/// What a parked job waits for.
const fn parked_for(next: Next) -> Option<&'static str> {
    match next {
        Next::Park { cause, .. } => Some(cause.as_str()),
        Next::Done | Next::Failed | Next::Cancelled | Next::Poison | Next::Retry { .. } => None,
    }
}

async fn settle_run(write: &mut Write, claim: &Claim, finish: &Finish<'_>, now: i64) -> Result<u64, DbError> {
    let known = finish.result.and_then(|result| result.cost_usd).map(micro_usd);
    let free = agentlab_domain::budget::costs_nothing(finish.outcome, finish.began.is_some());
    let cost = known.or(free.then_some(0));
    let ended = sqlx::query(
        "UPDATE run SET state = 'over', outcome = ?3, exit_code = ?4, exit_signal = ?5, cost_micro_usd = ?6,
                        input_tokens = ?7, output_tokens = ?8, turns = ?9, ended_at = ?10, worker = NULL, uses_attempt = ?11,
                        started_at = COALESCE(started_at, CASE WHEN ?12 THEN claimed_at END),
                        opened = COALESCE(opened, ?13), instructions = COALESCE(instructions, ?14), api_ms = ?15
         WHERE id = ?1 AND token = ?2 AND state <> 'over'",
    )
    .bind(&claim.run_id)
    .bind(&claim.token)
    .bind(finish.outcome.word())
    .bind(finish.exit.code)
    .bind(finish.exit.signal)
    .bind(cost)
    .bind(finish.result.map(|result| i64::try_from(result.input_tokens).unwrap_or(i64::MAX)))
    .bind(finish.result.map(|result| i64::try_from(result.output_tokens).unwrap_or(i64::MAX)))
    .bind(finish.result.map(|result| i64::try_from(result.turns).unwrap_or(i64::MAX)))
    .bind(now)
    .bind(finish.uses_attempt)
    // Whoever started it may have died before noting it.
    .bind(finish.began.is_some())
    .bind(finish.began.as_ref().and_then(|began| began.opened).map(Opened::as_str))
    .bind(finish.began.as_ref().and_then(|began| began.instructions.as_deref()))
    .bind(finish.result.map(|result| i64::try_from(result.api_ms).unwrap_or(i64::MAX)))
    .execute(&mut **write)
    .await?
    .rows_affected();
    // A run that was killed before its result settles at its whole reservation (rule R10).
    sqlx::query(
        "UPDATE spend SET settled_micro_usd = COALESCE(?2, reserved_micro_usd), settled_at = ?3
         WHERE run_id = ?1 AND settled_at IS NULL",
    )
    .bind(&claim.run_id)
    .bind(cost)
    .bind(now)
    .execute(&mut **write)
    .await?;
    Ok(ended)
}

/// US dollars in millionths, rounded up: money is never counted short.
fn micro_usd(usd: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; a run costs dollars")]
    let micro = (usd.max(0.0) * 1_000_000.0).ceil() as i64;
    micro
}
