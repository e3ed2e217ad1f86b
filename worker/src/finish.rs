//! Finishing a run that is over: judge it, decide its job, settle both in one transaction, tell whom it concerns.

use std::io::{Read, Seek, SeekFrom};

use agentlab_domain::{
    answer::{self, Body, Ended},
    check::Checks,
    circuit::{Service, State},
    outcome::{self, Exit, Outcome},
    retry::{self, History, Next},
};
use agentlab_platform::{
    clock,
    db::{
        claim::Claim,
        finish::{Began, Finish, Finished},
    },
    life::Life,
    ping,
    redaction::Redaction,
    run_dir::RunDir,
};
use fail::fail_point;

use crate::{aside::aside, follow::Reader, handle::HandleError, redact, rows};

/// Bytes of standard error that are looked at.
const STDERR_TAIL: u64 = 16 * 1024;

/// Finishes the run and its job.
pub(crate) async fn finish(life: &Life, claim: &Claim, run: &RunDir) -> Result<(), HandleError> {
    let Some(mut exit) = run.exit()? else { return Ok(()) };
    let redaction = Redaction::of_answers(&life.config);
    redact::exit(&redaction, &mut exit);
    let mut reader = Reader::default();
    reader.read(run, || ()).await?;
    reader.transcript.end();
    if let Some(mut result) = reader.transcript.result.take() {
        let redaction = redaction.clone();
        let redacted = aside(move || {
            redact::result(&redaction, &mut result);
            result
        });
        reader.transcript.result = Some(redacted.await?);
    }
    let result = reader.transcript.result.as_ref();
    let opened = run.spec().ok().and_then(|spec| spec.opened).map(|opened| (opened, claim.session.as_str()));
    let stderr = redaction.tail(&stderr_tail(run));
    let outcome = outcome::judge(&exit, result, reader.transcript.limit, &stderr, opened);
    let settled = match settle(life, claim, run, &exit, &outcome, &reader).await? {
        // Asked while the run was ending by itself: the asker's word holds, it never runs again (rule R8).
        Finished::StopAsked { by } => settle(life, claim, run, &exit, &Outcome::Stopped { by }, &reader).await?,
        settled @ (Finished::Settled | Finished::LeaseLost) => settled,
    };
    match settled {
        Finished::Settled => {
            rows::keep(life, claim, run).await;
            tracing::info!(outcome = outcome.word(), "finished");
        }
        Finished::LeaseLost | Finished::StopAsked { .. } => {
            tracing::warn!("the lease was lost; somebody else finishes it");
        }
    }
    fail_point!("finish-end");
    ping::ping(&life.home.socket("bot"));
    // The lane has a new head, and the directory is free: another worker may have waited for just that.
    ping::ping_workers(&life.home);
    Ok(())
}

/// Decides the job by this outcome, and settles both in one transaction.
async fn settle(
    life: &Life,
    claim: &Claim,
    run: &RunDir,
    exit: &Exit,
    outcome: &Outcome,
    reader: &Reader,
) -> Result<Finished, HandleError> {
    let result = reader.transcript.result.as_ref();
    let history = life.db.history(claim).await?;
    let now = clock::now_ms();
    let next = decide(outcome, history, life.config.retry.max_attempts, now);
    let uses_attempt = retry::uses_attempt(outcome, history);
    let (text, messages) = words(life, claim, run, (outcome, next, now), reader).await?;
    let long = now - claim.claimed_at >= clock::scaled_ms(answer::NOTICE_AFTER_MS);
    let notice = (long && next.ends_job()).then(|| answer::notice(claim.number, next));
    fail_point!("finish-begin");
    let notice = notice.as_ref();
    let (calls, called_at) = reader.calls();
    let (answer, messages) = (text.as_str(), messages.as_slice());
    let began = began(run)?;
    let finish =
        Finish { exit, outcome, next, uses_attempt, result, began, answer, messages, notice, calls, called_at };
    Ok(life.db.finish(claim, &finish).await?)
}

/// The answer, and the messages that tell it. An answer may be long.
async fn words(
    life: &Life,
    claim: &Claim,
    run: &RunDir,
    (outcome, next, now): (&Outcome, Next, i64),
    reader: &Reader,
) -> Result<(String, Vec<Body>), HandleError> {
    let (mut wanted, mut ran) =
        (run.spec().map(|spec| spec.checks).unwrap_or_default(), run.checks().unwrap_or_default());
    redact::checks(&Redaction::of_answers(&life.config), &mut wanted, &mut ran);
    let (outcome, result) = (outcome.clone(), reader.transcript.result.clone());
    let (number, attempt, rehearsed) = (claim.number, claim.attempt, rehearsed(run));
    let anew = life.db.began_anew(&claim.job_id).await?;
    let limit = part_limit(life).await?;
    let words = aside(move || {
        let checks = Checks { wanted: &wanted, ran: &ran };
        let (outcome, result, wait_ms) = (&outcome, result.as_ref(), wait_ms(next, now));
        let ended = Ended { number, outcome, next, result, rehearsed, anew, wait_ms, attempt, checks };
        (answer::markdown(ended), answer::messages(ended, limit))
    });
    Ok(words.await?)
}

/// Shorter parts while Telegram is out of order.
async fn part_limit(life: &Life) -> Result<usize, HandleError> {
    Ok(match life.db.circuit(Service::Telegram).await?.state {
        State::Closed => answer::PART_LIMIT,
        State::Open | State::Probing => answer::SHORT_PART_LIMIT,
    })
}

/// How the run began, as its directory tells it: an agent that is not recorded never began (rule R4).
fn began(run: &RunDir) -> Result<Option<Began>, HandleError> {
    if run.child()?.is_none() {
        return Ok(None);
    }
    let spec = run.spec().ok();
    Ok(Some(Began {
        opened: spec.as_ref().and_then(|spec| spec.opened),
        instructions: spec.and_then(|spec| spec.instructions),
    }))
}

/// The decision, its delay shortened where tests shorten time.
fn decide(outcome: &Outcome, history: History, most: u32, now: i64) -> Next {
    match retry::decide(outcome, history, most, now, fastrand::f64()) {
        Next::Retry { at } => Next::Retry { at: now + clock::scaled_ms(at - now) },
        Next::Park { at, cause } => Next::Park { at: now + clock::scaled_ms(at - now), cause },
        next @ (Next::Done | Next::Failed | Next::Cancelled | Next::Poison) => next,
    }
}

const fn wait_ms(next: Next, now: i64) -> i64 {
    match next {
        Next::Retry { at } | Next::Park { at, .. } => at - now,
        Next::Done | Next::Failed | Next::Cancelled | Next::Poison => 0,
    }
}

/// Whether no agent worked: the command line that was run says so, whoever started it.
fn rehearsed(run: &RunDir) -> bool {
    run.spec().is_ok_and(|spec| spec.command.get(1).is_some_and(|word| word == "rehearse"))
}

fn stderr_tail(run: &RunDir) -> String {
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(run.stderr())?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(STDERR_TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&tail().unwrap_or_default()).into_owned()
}
