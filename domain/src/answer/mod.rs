//! The words of a job's messages in a chat. The *status message* is the one message of a job that is edited through its
//! life: accepted, running, then the answer. An *answer* is the agent's text, complete, with what must be said beside
//! it (denied tools, a rehearsal, the cost).

use serde::{Deserialize, Serialize};

mod ended;

pub use ended::{ANEW, Ended, REHEARSAL, markdown, messages};

use crate::{
    outbox::REPEAT_MARK,
    progress::{self, Progress},
    retry::Next,
    text::{self, Rich},
};

/// After this much work a short new message says that the job ended, since edits notify nobody; milliseconds.
pub const NOTICE_AFTER_MS: i64 = 30_000;
/// UTF-16 units of one part: room is left for the mark of a repeat.
pub const PART_LIMIT: usize = text::MESSAGE_LIMIT - REPEAT_MARK.len();
/// The same while Telegram is out of order: what is short gets through sooner, and less of it hangs on one request.
pub const SHORT_PART_LIMIT: usize = 1_000;

/// One message as it should stand in the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    #[serde(flatten)]
    pub rich: Rich,
    /// The job that a Stop button under the message stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<i64>,
}

/// What was accepted.
pub fn accepted(number: i64, ahead: i64) -> Body {
    let place = match ahead {
        0 => "accepted".to_owned(),
        1 => "accepted, 1 task of this chat before it".to_owned(),
        n => format!("accepted, {n} tasks of this chat before it"),
    };
    Body { rich: text::plain(&format!("Task {number}: {place}")), stop: Some(number) }
}

/// What was accepted to be done again.
pub fn again(number: i64, of: i64, ahead: i64) -> Body {
    let mut body = accepted(number, ahead);
    body.rich.text.push_str(&format!(" (task {of} again)"));
    body
}

/// What waits for a time before it begins, or before anybody looks at it again.
pub fn waits(number: i64, why: &str, until: &str) -> Body {
    Body { rich: text::plain(&format!("Task {number}: waits, {why}. I look again at {until}.")), stop: Some(number) }
}

/// What runs.
pub fn running(number: i64, attempt: u32, elapsed_ms: i64, progress: &Progress) -> Body {
    let mut line = format!("Task {number}: running, {}", progress::elapsed(coarse(elapsed_ms)));
    if attempt > 1 {
        line.push_str(&format!(", attempt {attempt}"));
    }
    if let Some(activity) = &progress.activity {
        line.push_str(&format!("\n{activity}"));
    }
    if progress.output_tokens > 0 {
        line.push_str(&format!("\n{} tokens written", progress.output_tokens));
    }
    Body { rich: text::plain(&line), stop: Some(number) }
}

/// The clock of a status message: the longer a run lasts the more seldom it moves, since each move is an edit.
const fn coarse(elapsed_ms: i64) -> i64 {
    let step = match elapsed_ms {
        ..60_000 => 1_000,
        60_000..600_000 => 10_000,
        _ => 60_000,
    };
    elapsed_ms / step * step
}

/// The short new message after long work.
pub fn notice(number: i64, next: Next) -> Body {
    let word = match next {
        Next::Done => "is done",
        Next::Failed => "failed",
        Next::Cancelled => "was cancelled",
        Next::Poison => "was set aside",
        Next::Retry { .. } => "is tried again",
        Next::Park { .. } => "waits",
    };
    Body { rich: text::plain(&format!("Task {number} {word}.")), stop: None }
}

/// A plain reply.
pub fn reply(words: &str) -> Body {
    Body { rich: text::plain(words), stop: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_an_hour_is_not_edited_three_thousand_times() {
        let looks = (0..3600).map(|second| running(1, 1, second * 1000, &Progress::default()));
        let mut texts: Vec<String> = looks.map(|body| body.rich.text).collect();
        texts.dedup();
        assert_eq!(texts.len(), 60 + 54 + 50);
    }
}
