//! Outcomes: how a run ended, judged from its exit and its `result` event.
//!
//! The *result event* decides, by `is_error` and never by its subtype: a failed API call ends with subtype "success"
//! and `is_error: true` (seen in Claude Code 2.1.197). Success is exit 0 *and* a result without error. What follows from
//! an outcome is decided in `retry`.

use serde::{Deserialize, Serialize};

/// Why the shim's child is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum End {
    /// It ended by itself.
    Exited,
    /// It was stopped because somebody asked.
    Stopped { by: String },
    /// It ran longer than `agent.max_run_minutes`.
    TimeLimit,
    /// It wrote nothing for `agent.no_progress_minutes`.
    NoProgress,
    /// The agent could not be started.
    NotStarted { why: String },
    /// Nobody can say how it ended: its shim died with it.
    Lost,
}

/// How the shim's child ended, as `exit.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    #[serde(flatten)]
    pub end: End,
    /// The exit code, where it exited.
    pub code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
}

/// The `result` event of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResultEvent {
    pub is_error: bool,
    pub subtype: String,
    /// The answer, or the words of the error.
    pub text: Option<String>,
    /// `errors` of the error subtypes.
    pub errors: Vec<String>,
    /// The HTTP status of the failed call.
    pub api_status: Option<u16>,
    /// US dollars.
    pub cost_usd: Option<f64>,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub turns: u64,
    /// Names of the tools that were denied.
    pub denials: Vec<String>,
}

/// What the events told about a usage limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Unix seconds.
    pub resets_at: Option<i64>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    /// The service refused the request itself (400, 403, 404, 413): the same request fails again.
    Refused(String),
    /// The service was overloaded, limited or out of order (429, 5xx, refused connection): it may pass.
    Unavailable(String),
    /// The subscription's limit is reached; Unix seconds of its reset where known.
    UsageLimit {
        resets_at: Option<i64>,
    },
    /// No login, or a key that the service does not accept.
    NotLoggedIn,
    MaxTurns,
    MaxBudget,
    /// The agent gave up with an error of its own.
    Errored(String),
    /// It ended without a result.
    Crashed(String),
    Stopped {
        by: String,
    },
    TimeLimit,
    NoProgress,
    NotStarted(String),
    Lost,
}

impl Outcome {
    /// Every word that `word` returns; the CHECK in SQL holds the same ones.
    pub const WORDS: [&'static str; 14] = [
        "succeeded",
        "refused",
        "unavailable",
        "usage_limit",
        "not_logged_in",
        "max_turns",
        "max_budget",
        "errored",
        "crashed",
        "stopped",
        "time_limit",
        "no_progress",
        "not_started",
        "lost",
    ];

    /// The word in rows.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::UsageLimit { .. } => "usage_limit",
            Self::NotLoggedIn => "not_logged_in",
            Self::MaxTurns => "max_turns",
            Self::MaxBudget => "max_budget",
            Self::Errored(_) => "errored",
            Self::Crashed(_) => "crashed",
            Self::Stopped { .. } => "stopped",
            Self::TimeLimit => "time_limit",
            Self::NoProgress => "no_progress",
            Self::NotStarted(_) => "not_started",
            Self::Lost => "lost",
        }
    }

    /// What a person is told.
    pub fn reason(&self) -> String {
        match self {
            Self::Succeeded => "done".into(),
            Self::Refused(text) => format!("Claude refused the request: {text}"),
            Self::Unavailable(text) => format!("Claude was not available: {text}"),
            Self::UsageLimit { .. } => "the usage limit of the Claude account is reached".into(),
            Self::NotLoggedIn => {
                "Claude is not logged in: run `claude` on the machine and type /login, or set agent.env.ANTHROPIC_API_KEY"
                    .into()
            }
            Self::MaxTurns => "it reached the limit of turns".into(),
            Self::MaxBudget => "it reached its budget".into(),
            Self::Errored(text) => format!("Claude gave up: {text}"),
            Self::Crashed(text) => format!("the agent ended without an answer ({text})"),
            Self::Stopped { by } => format!("stopped by {by}"),
            Self::TimeLimit => "it ran longer than agent.max_run_minutes and was stopped".into(),
            Self::NoProgress => "it showed no progress for agent.no_progress_minutes and was stopped".into(),
            Self::NotStarted(why) => format!("the agent could not be started: {why}"),
            Self::Lost => "its process was gone and left no exit status".into(),
        }
    }
}

/// Judges a run. `stderr` is the end of what the agent wrote there: some failures show nowhere else.
pub fn judge(exit: &Exit, result: Option<&ResultEvent>, limit: Option<Limit>, stderr: &str) -> Outcome {
    match &exit.end {
        End::Stopped { by } => return Outcome::Stopped { by: by.clone() },
        End::NotStarted { why } => return Outcome::NotStarted(why.clone()),
        End::TimeLimit => return Outcome::TimeLimit,
        End::NoProgress => return Outcome::NoProgress,
        // An exit code that nobody saw is no reason to doubt a result that everybody can read.
        End::Lost | End::Exited => {}
    }
    match result {
        None if exit.end == End::Lost => Outcome::Lost,
        None => without_result(exit, stderr),
        Some(result) if result.is_error => with_error(result, limit),
        Some(_) if exit.end == End::Exited && exit.code != Some(0) => {
            Outcome::Crashed(format!("{} after its result", exit_words(exit)))
        }
        Some(_) => Outcome::Succeeded,
    }
}

fn with_error(result: &ResultEvent, limit: Option<Limit>) -> Outcome {
    let text = result.text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| result.errors.join("; "));
    if let Some(limit) = limit {
        return Outcome::UsageLimit { resets_at: limit.resets_at };
    }
    if text.contains("/login") || text.contains("Invalid API key") {
        return Outcome::NotLoggedIn;
    }
    match result.api_status {
        Some(401) => Outcome::NotLoggedIn,
        Some(429 | 408 | 500..=599) => Outcome::Unavailable(text),
        Some(_) => Outcome::Refused(text),
        None if result.subtype == "error_max_turns" => Outcome::MaxTurns,
        None if result.subtype == "error_max_budget_usd" => Outcome::MaxBudget,
        // A call that never reached the service has no status: "API Error: Connection error", "Request timed out".
        None if text.starts_with("API Error") => Outcome::Unavailable(text),
        None => Outcome::Errored(text),
    }
}

fn without_result(exit: &Exit, stderr: &str) -> Outcome {
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if last.contains("/login") {
        return Outcome::NotLoggedIn;
    }
    let words = exit_words(exit);
    Outcome::Crashed(if last.is_empty() { words } else { format!("{words}: {last}") })
}

fn exit_words(exit: &Exit) -> String {
    match (exit.code, exit.signal) {
        (Some(0), _) => "exit code 0 without a result".into(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "no exit status".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> Exit {
        Exit { end: End::Exited, code: Some(code), signal: None }
    }

    fn failed(subtype: &str, text: &str, api_status: Option<u16>) -> ResultEvent {
        ResultEvent {
            is_error: true,
            subtype: subtype.into(),
            text: Some(text.into()),
            api_status,
            ..ResultEvent::default()
        }
    }

    #[test]
    fn success_needs_exit_zero_and_a_result_without_error() {
        let good = ResultEvent { subtype: "success".into(), ..ResultEvent::default() };
        assert_eq!(judge(&exited(0), Some(&good), None, ""), Outcome::Succeeded);
        assert_eq!(judge(&exited(3), Some(&good), None, "").word(), "crashed");
        assert_eq!(judge(&exited(0), None, None, "").word(), "crashed");
    }

    #[test]
    fn is_error_decides_and_never_the_subtype() {
        let table = [
            (failed("success", "API Error: 400 invalid request error", Some(400)), "refused"),
            (failed("success", "API Error: 529 overloaded", Some(529)), "unavailable"),
            (failed("success", "API Error: 429", Some(429)), "unavailable"),
            (failed("success", "authentication_failed", Some(401)), "not_logged_in"),
            (failed("success", "Not logged in · Please run /login", None), "not_logged_in"),
            (failed("success", "API Error: Connection error.", None), "unavailable"),
            (failed("error_max_turns", "", None), "max_turns"),
            (failed("error_max_budget_usd", "", None), "max_budget"),
            (failed("error_during_execution", "boom", None), "errored"),
        ];
        for (result, word) in table {
            assert_eq!(judge(&exited(1), Some(&result), None, "").word(), word, "{result:?}");
        }
    }

    #[test]
    fn a_limit_event_is_a_usage_limit_and_carries_its_reset() {
        let result = failed("success", "You've hit your limit", Some(429));
        let limit = Limit { resets_at: Some(1_795_320_000) };
        assert_eq!(
            judge(&exited(1), Some(&result), Some(limit), ""),
            Outcome::UsageLimit { resets_at: Some(1_795_320_000) }
        );
    }

    #[test]
    fn the_end_that_we_caused_is_named_before_what_the_agent_said_about_it() {
        let result = failed("error_during_execution", "aborted", None);
        for (end, word) in [
            (End::Stopped { by: "Ann".into() }, "stopped"),
            (End::TimeLimit, "time_limit"),
            (End::NoProgress, "no_progress"),
            (End::NotStarted { why: "no such file".into() }, "not_started"),
        ] {
            let exit = Exit { end, code: None, signal: Some(9) };
            assert_eq!(judge(&exit, Some(&result), None, "").word(), word);
        }
    }

    #[test]
    fn a_lost_run_with_a_result_is_judged_by_the_result_alone() {
        let lost = Exit { end: End::Lost, code: None, signal: None };
        let good = ResultEvent::default();
        assert_eq!(judge(&lost, Some(&good), None, ""), Outcome::Succeeded);
        assert_eq!(judge(&lost, None, None, ""), Outcome::Lost);
    }

    #[test]
    fn the_last_line_of_stderr_tells_what_no_event_did() {
        let outcome = judge(&exited(1), None, None, "noise\nerror: unknown option '--x'\n\n");
        assert_eq!(outcome, Outcome::Crashed("exit code 1: error: unknown option '--x'".into()));
    }
}
