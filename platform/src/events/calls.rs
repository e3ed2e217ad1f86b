//! The calls of a run: its requests to the API, as its events tell of them. A call is *answered* when a message of the model
//! came, or a refusal: the service is well. It *failed* when no answer came, or one that says that the service is out of order.
//! The account's usage limit is neither.

use std::collections::VecDeque;

use agentlab_domain::{
    circuit::{self, Calls},
    outcome::ResultEvent,
};

/// Messages whose events may come mixed: those of agents that work side by side.
const REMEMBERED: usize = 64;
/// Characters of a message's id.
const LONGEST_ID: usize = 100;

/// What was counted so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub calls: Calls,
    /// The newest messages of the model: one message comes in several events.
    messages: VecDeque<String>,
}

impl Tally {
    /// A call after which the agent tries again, with the status that it got (none: no answer).
    pub fn retry(&mut self, status: Option<u64>, limited: bool) {
        self.call(status, limited);
    }

    /// The call after which the agent gave up, where that is why it ended. One that was answered well has its message.
    pub fn end(&mut self, result: &ResultEvent, limited: bool) {
        let unanswered = result.words().starts_with("API Error");
        match result.api_status {
            Some(status) if result.is_error => self.call(Some(status.into()), limited),
            None if result.is_error && unanswered => self.call(None, limited),
            Some(_) | None => {}
        }
    }

    /// An event of a message of the model; what the CLI wrote itself was no call.
    pub fn message(&mut self, id: &str, model: &str) {
        let id: String = id.chars().take(LONGEST_ID).collect();
        if id.is_empty() || model == "<synthetic>" || self.messages.contains(&id) {
            return;
        }
        self.calls.answered = self.calls.answered.saturating_add(1);
        if self.messages.len() == REMEMBERED {
            self.messages.pop_front();
        }
        self.messages.push_back(id);
    }

    fn call(&mut self, status: Option<u64>, limited: bool) {
        let outage = circuit::is_outage(status);
        if outage && limited {
            return;
        }
        let count = if outage { &mut self.calls.failed } else { &mut self.calls.answered };
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Transcript;
    use super::*;

    /// One complete line of every event type, as the CLI wrote them.
    const RECORDED: &str = include_str!("../../tests/claude-events.jsonl");

    #[test]
    fn calls_are_counted_as_the_api_saw_them() {
        let retry = |status: &str| format!(r#"{{"type":"system","subtype":"api_retry","error_status":{status}}}"#);
        let says = |id: &str, model: &str| {
            format!(r#"{{"type":"assistant","message":{{"id":"{id}","model":"{model}","content":[]}}}}"#)
        };
        let ends = |status: &str, text: &str| {
            format!(r#"{{"type":"result","is_error":true,"api_error_status":{status},"result":"{text}"}}"#)
        };
        let rejected = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected"}}"#.to_owned();
        let good = r#"{"type":"result","is_error":false,"result":"API Error: I explain it"}"#.to_owned();
        let table: [(Vec<String>, (u32, u32)); 12] = [
            (vec![retry("529"), retry("null"), retry("429"), retry("408"), retry("500")], (0, 5)),
            (vec![retry("401"), retry("400")], (2, 0)),
            (vec![retry("529"), ends("529", "API Error: 529")], (0, 2)),
            (vec![ends("null", "API Error: Connection error.")], (0, 1)),
            (vec![ends("null", "boom")], (0, 0)),
            (vec![ends("null", "Not logged in · Please run /login")], (0, 0)),
            (vec![says("x", "<synthetic>"), ends("400", "API Error: 400")], (1, 0)),
            (vec![rejected, retry("429"), ends("429", "You've hit your limit")], (0, 0)),
            (vec![says("a", "m"), says("b", "m"), says("a", "m"), says("a", "m"), good], (2, 0)),
            (vec![says("", "m")], (0, 0)),
            (vec![says("x", "<synthetic>"), retry("529"), says("a", "m")], (1, 1)),
            (RECORDED.lines().map(str::to_owned).collect(), (4, 0)),
        ];
        for (line, (lines, (answered, failed))) in table.into_iter().enumerate() {
            let mut transcript = Transcript::default();
            transcript.read(lines.join("\n").as_bytes());
            transcript.end();
            assert_eq!(transcript.tally.calls, Calls { answered, failed }, "line {line} of the table");
        }
    }
}
