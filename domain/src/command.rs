//! Commands in a chat. A *command* starts with a slash; whatever else is written is work for the agent.

use crate::pause::{self, Until};

/// What a person asked agentlab itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Start,
    Help,
    Status,
    /// Stop this job, or without a number the running one, else the newest queued one.
    Cancel {
        number: Option<i64>,
    },
    /// Do this ended task again; without a number the newest of this chat that ended without an answer.
    Retry {
        number: Option<i64>,
    },
    /// The next task begins a new conversation.
    New,
    /// The conversations of this chat.
    Sessions,
    /// Go on with this one.
    Session {
        name: String,
    },
    /// Go on with a copy of the present one.
    Fork,
    /// What was spent.
    Cost,
    /// Start every process again.
    Restart,
    /// Begin nothing new, until then or until somebody resumes.
    Pause {
        until: Option<Until>,
    },
    /// Begin again.
    Resume,
    /// A command whose argument could not be understood; the text says what is expected.
    Unclear(&'static str),
    /// A command that does not exist here.
    Unknown(String),
}

impl Command {
    /// Whether it always gets through: it counts against no limit, and its answer goes out before everything else.
    /// Only what looks, stops or repairs is.
    pub fn is_priority(&self) -> bool {
        match self {
            Self::Start
            | Self::Help
            | Self::Status
            | Self::Cancel { .. }
            | Self::Restart
            | Self::Pause { .. }
            | Self::Resume
            | Self::Unclear(_) => true,
            Self::Retry { .. }
            | Self::New
            | Self::Sessions
            | Self::Session { .. }
            | Self::Fork
            | Self::Cost
            | Self::Unknown(_) => false,
        }
    }
}

/// Reads a command; `None` where the text is work. A command may name a bot (`/status@lab_bot`).
pub fn parse(text: &str) -> Option<Command> {
    let rest = text.strip_prefix('/')?;
    let (head, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let word = head.split('@').next().unwrap_or_default().to_ascii_lowercase();
    // "/home/ann/x fails to build" is work, not a command.
    if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || head.contains('/') {
        return None;
    }
    Some(match word.as_str() {
        "start" => Command::Start,
        "help" => Command::Help,
        "status" => Command::Status,
        "cancel" | "stop" => {
            numbered(argument, "Use /cancel, or /cancel 12 for task 12.", |number| Command::Cancel { number })
        }
        "retry" => numbered(argument, "Use /retry, or /retry 12 for task 12.", |number| Command::Retry { number }),
        "new" => Command::New,
        "sessions" => Command::Sessions,
        "session" => session(argument.trim()),
        "fork" => Command::Fork,
        "cost" => Command::Cost,
        // It is not done by mistake: "/restart the server in staging" is no work, and no restart either.
        "restart" if argument.trim().is_empty() => Command::Restart,
        "restart" => {
            Command::Unclear("Use /restart alone: it starts every process of agentlab again. Running tasks go on.")
        }
        "pause" if argument.trim().is_empty() => Command::Pause { until: None },
        "pause" => pause::parse(argument).map_or(
            Command::Unclear("Use /pause alone, or with a time: /pause 18:00, /pause 2h, /pause 2026-11-23T08:00."),
            |until| Command::Pause { until: Some(until) },
        ),
        "resume" if argument.trim().is_empty() => Command::Resume,
        "resume" => Command::Unclear("Use /resume alone: waiting tasks begin again."),
        _ => Command::Unknown(word),
    })
}

/// The bot that a command names (`/status@lab_bot`).
pub fn addressee(text: &str) -> Option<&str> {
    let head = text.strip_prefix('/')?.split(char::is_whitespace).next()?;
    head.split_once('@').map(|(_, name)| name)
}

fn numbered(argument: &str, expected: &'static str, command: impl Fn(Option<i64>) -> Command) -> Command {
    let digits = argument.trim().trim_start_matches('#');
    if digits.is_empty() {
        return command(None);
    }
    digits.parse().map_or(Command::Unclear(expected), |number| command(Some(number)))
}

fn session(name: &str) -> Command {
    // The beginning of an id, as /sessions shows it.
    if name.len() >= 4 && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Command::Session { name: name.to_ascii_lowercase() };
    }
    Command::Unclear("Use /session 1a2b3c4d with a name that /sessions shows.")
}

/// The job that a Stop button names.
pub fn parse_button(data: &str) -> Option<i64> {
    data.strip_prefix("stop:")?.parse().ok()
}

/// The data of a Stop button (Telegram allows 64 bytes).
pub fn button(number: i64) -> String {
    format!("stop:{number}")
}

/// What `/start` answers.
pub const GREETING: &str = "Send me a task and I run it with Claude on your machine. Tasks of this chat run one after \
the other and go on with one conversation; I show progress here and answer here.\n\n/status shows what runs, /cancel stops it, \
/new begins a new conversation, /help lists the commands.";

/// What `/help` answers.
pub const HELP: &str = "Any message is a task.\n/status what runs and what waits\n/cancel stop this chat's running task, \
else its newest waiting one\n/cancel 12 stop task 12\n/retry 12 do task 12 again\n/new begin a new conversation\n/sessions the \
conversations of this chat\n/session 1a2b3c4d go on with that one\n/fork go on with a copy of the present one\n/cost what was \
spent\n/pause begin nothing new; /pause 18:00 or /pause 2h for a while\n/resume begin again\n/restart start agentlab again; running \
tasks go on\n/help this list";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_people_type_them() {
        let table = [
            ("/start", Some(Command::Start)),
            ("/HELP", Some(Command::Help)),
            ("/status@lab_bot", Some(Command::Status)),
            ("/cancel", Some(Command::Cancel { number: None })),
            ("/cancel 12", Some(Command::Cancel { number: Some(12) })),
            ("/cancel  #12 ", Some(Command::Cancel { number: Some(12) })),
            ("/stop\n3", Some(Command::Cancel { number: Some(3) })),
            ("/retry", Some(Command::Retry { number: None })),
            ("/retry #7", Some(Command::Retry { number: Some(7) })),
            ("/new", Some(Command::New)),
            ("/sessions", Some(Command::Sessions)),
            ("/session 1A2B3C4D", Some(Command::Session { name: "1a2b3c4d".into() })),
            ("/fork", Some(Command::Fork)),
            ("/cost", Some(Command::Cost)),
            ("/restart", Some(Command::Restart)),
            ("/Restart@lab_bot ", Some(Command::Restart)),
            ("/pause", Some(Command::Pause { until: None })),
            ("/pause 2h", Some(Command::Pause { until: Some(Until::In(7_200_000)) })),
            ("/pause  18:00 ", Some(Command::Pause { until: Some(Until::At { hour: 18, minute: 0 }) })),
            ("/resume", Some(Command::Resume)),
            ("/frobnicate now", Some(Command::Unknown("frobnicate".into()))),
            ("/", None),
            ("/home/ann/x fails to build", None),
            ("/home fails", Some(Command::Unknown("home".into()))),
            ("fix the tests", None),
            (" /status", None),
        ];
        for (text, command) in table {
            assert_eq!(parse(text), command, "{text:?}");
        }
        for unclear in [
            "/restart the server",
            "/pause the tests",
            "/resume task 5",
            "/cancel everything",
            "/retry it",
            "/session",
            "/session xyz%",
            "/session 1a",
        ] {
            assert!(matches!(parse(unclear), Some(Command::Unclear(_))), "{unclear}");
        }
    }

    #[test]
    fn what_looks_stops_or_repairs_always_gets_through() {
        for text in [
            "/start",
            "/help",
            "/status@lab_bot",
            "/cancel",
            "/cancel 3",
            "/cancel all",
            "/stop",
            "/restart",
            "/pause",
            "/resume",
        ] {
            assert!(parse(text).unwrap().is_priority(), "{text}");
        }
        assert!(!parse("/frobnicate").unwrap().is_priority());
    }

    #[test]
    fn a_button_names_its_job() {
        assert_eq!(parse_button(&button(12)), Some(12));
        assert_eq!(parse_button("stop:x"), None);
        assert_eq!(parse_button("other"), None);
        assert!(button(i64::MIN).len() <= 64);
    }
}
