//! Outcomes: how a run ended, judged from its exit and its `result` event.
//!
//! The *result event* decides, by `is_error` and never by its subtype: a failed API call ends with subtype "success"
//! and `is_error: true` (seen in Claude Code 2.1.197). Success is exit 0 *and* a result without error. What follows from
//! an outcome is decided in `retry`.

mod judge;

use serde::{Deserialize, Serialize};

pub use judge::judge;

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
    /// Its shim died before it; what was left alive was ended. `moved`: it was running in another home when it was exported there.
    Unkept {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        moved: bool,
    },
    /// The machine was started anew, and everything that ran on it was gone.
    Rebooted,
}

impl End {
    /// In a word, without what anybody else wrote.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Stopped { .. } => "stopped",
            Self::TimeLimit => "time_limit",
            Self::NoProgress => "no_progress",
            Self::NotStarted { .. } => "not_started",
            Self::Lost => "lost",
            Self::Unkept { .. } => "unkept",
            Self::Rebooted => "rebooted",
        }
    }
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
    /// The system was ending processes for lack of memory when it was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_memory: bool,
}

impl Exit {
    /// An end that no exit status came with.
    pub const fn without_status(end: End) -> Self {
        Self { end, code: None, signal: None, out_of_memory: false }
    }
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
    /// How long the API took for all of its answers, in milliseconds.
    pub api_ms: u64,
    /// Names of the tools that were denied.
    pub denials: Vec<String>,
}

impl ResultEvent {
    /// What it says: its text, else its errors.
    pub fn words(&self) -> String {
        self.text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| self.errors.join("; "))
    }

    /// A "success" without a turn, a cost or a word.
    pub fn is_nothing(&self) -> bool {
        let words = self.text.as_deref().is_some_and(|text| !text.trim().is_empty());
        !self.is_error && self.turns == 0 && self.cost_usd.unwrap_or(0.0) == 0.0 && !words
    }
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
    Unkept {
        moved: bool,
    },
    Rebooted,
    /// The system killed it for lack of memory.
    OutOfMemory,
    /// Its conversation cannot be taken up; a new one is begun.
    SessionLost(String),
}

/// What the next run of a job is told about a run that ended with this word and may have left work half done; `moved` where it ran in the
/// home that this one was imported from.
pub fn interruption(word: &str, moved: bool) -> Option<&'static str> {
    match word {
        "unkept" if moved => Some("it was running on another machine, and the task was moved to this one"),
        "lost" => Some("its process was gone"),
        "unkept" => Some("it was ended when its keeper was killed"),
        "rebooted" => Some("the machine was restarted"),
        "out_of_memory" => Some("the system killed it for lack of memory"),
        "crashed" => Some("it ended without an answer"),
        "unavailable" => Some("the API was not available"),
        "usage_limit" => Some("the usage limit was reached"),
        _ => None,
    }
}

impl Outcome {
    /// Every word that `word` returns; the CHECK in SQL holds the same ones.
    pub const WORDS: [&'static str; 18] = [
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
        "unkept",
        "rebooted",
        "out_of_memory",
        "session_lost",
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
            Self::Unkept { .. } => "unkept",
            Self::Rebooted => "rebooted",
            Self::OutOfMemory => "out_of_memory",
            Self::SessionLost(_) => "session_lost",
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
            Self::Unkept { moved: false } => "its keeper was killed, and it was ended with it".into(),
            Self::Unkept { moved: true } => "it was running on the other machine when it was exported there".into(),
            Self::Rebooted => "the machine was restarted while it ran".into(),
            Self::OutOfMemory => "the system killed it for lack of memory".into(),
            Self::SessionLost(why) => format!("its conversation could not be taken up ({why}), so it begins a new one"),
        }
    }
}
