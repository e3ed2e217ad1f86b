//! How things are shown: times, money, states, in few letters.

use agentlab_domain::{
    job::State,
    progress,
    report::Report,
    role::{Post, Role},
};
use agentlab_platform::{
    calendar, clock,
    db::{jobs::JobView, runs::RunView},
};

/// Letters of a text in a list.
const SHORT: usize = 100;

/// A text in a list.
pub(crate) fn short(text: &str) -> String {
    progress::short(text, SHORT)
}

/// Money, if it is known.
pub(crate) fn cost(usd: Option<f64>) -> String {
    usd.map(progress::dollars).unwrap_or_default()
}

/// The money of some days.
pub(crate) fn spent(report: &Report) -> String {
    progress::dollars(report.usd)
}

/// Successes of what succeeded or failed, in percent, if there was any.
pub(crate) fn success(report: &Report) -> String {
    report.error_rate.map(|rate| format!("{:.1} %", 100.0 - rate * 100.0)).unwrap_or_default()
}

/// A span, if it is known.
pub(crate) fn elapsed(ms: Option<i64>) -> String {
    ms.map(progress::elapsed).unwrap_or_default()
}

/// For how long a task took or has taken.
pub(crate) fn took(job: &JobView) -> String {
    progress::elapsed(job.ended_at.unwrap_or_else(clock::now_ms) - job.accepted_at)
}

/// For how long a run took or has taken.
pub(crate) fn ran(run: &RunView) -> String {
    progress::elapsed(run.ended_at.unwrap_or_else(clock::now_ms) - run.claimed_at)
}

/// Tokens in and out.
pub(crate) fn tokens(run: &RunView) -> String {
    match (run.input_tokens, run.output_tokens) {
        (Some(input), Some(output)) => format!("{input} / {output}"),
        (_, _) => String::new(),
    }
}

/// A moment, in the machine's time zone.
pub(crate) fn at(ms: i64) -> String {
    calendar::clock_time(ms, clock::now_ms())
}

/// The name of a post.
pub(crate) fn component(role: &str, slot: u32) -> String {
    Role::parse(role).map_or_else(|| role.to_owned(), |role| Post { role, slot }.to_string())
}

/// How a state looks.
pub(crate) fn colour(state: &str) -> &'static str {
    match State::parse(state) {
        Some(State::Done) => "good",
        Some(State::Failed | State::Poison) => "bad",
        Some(State::Retrying | State::Parked | State::Waiting) => "wait",
        Some(State::Queued | State::Running) | None => "",
        Some(State::Cancelled) => "faint",
    }
}
