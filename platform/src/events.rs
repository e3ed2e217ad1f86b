//! The agent's events: stream-json as Claude Code 2.1.197 writes it, one JSON object a line. A *transcript* is what
//! they add up to so far. Unknown events are passed over, and so is what is no JSON: an agent may print anything.
//!
//! Events may come after `result` (a background command that ends late), so the file is read to its end.

pub mod calls;
mod changes;
mod words;

use agentlab_domain::{
    outcome::{Limit, ResultEvent},
    progress::{self, Progress},
};
use serde_json::Value;

use calls::Tally;
pub use changes::{Change, changes};
pub use words::in_a_line;

/// A line longer than this is passed over: no event that we use comes near it.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// What the events add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    pub progress: Progress,
    pub result: Option<ResultEvent>,
    pub limit: Option<Limit>,
    /// Requests to the API that were answered or failed.
    pub tally: Tally,
    partial: Vec<u8>,
    skipping: bool,
}

impl Transcript {
    /// Takes in the next bytes of the file, wherever they begin and end.
    pub fn read(&mut self, bytes: &[u8]) {
        self.progress.bytes += bytes.len() as u64;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.skipping {
                self.partial.extend_from_slice(piece);
            }
            if self.partial.len() > LONGEST_LINE {
                self.partial = Vec::new();
                self.skipping = true;
            }
            if piece.ends_with(b"\n") {
                self.end_of_line();
            }
        }
    }

    /// The file has ended: what stands without a newline is a line too.
    pub fn end(&mut self) {
        self.end_of_line();
    }

    fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        if !std::mem::take(&mut self.skipping)
            && let Ok(event) = serde_json::from_slice::<Value>(&line)
        {
            self.event(&event);
        }
    }

    fn event(&mut self, event: &Value) {
        match text(event, "type") {
            "system" if text(event, "subtype") == "init" => {
                self.progress.model = event["model"].as_str().map(str::to_owned);
            }
            "system" if text(event, "subtype") == "api_retry" => {
                let status = event["error_status"].as_u64().map(|status| format!(" ({status})")).unwrap_or_default();
                self.progress.activity = Some(format!("waiting for the API{status}, try {}", event["attempt"]));
                self.tally.retry(event["error_status"].as_u64(), self.limit.is_some());
            }
            "assistant" => self.assistant(&event["message"]),
            "rate_limit_event" => {
                let info = &event["rate_limit_info"];
                // "allowed" and "allowed_warning" are news, not an end.
                self.limit =
                    (text(info, "status") == "rejected").then(|| Limit { resets_at: info["resetsAt"].as_i64() });
            }
            "result" => {
                let result = result(event);
                self.tally.end(&result, self.limit.is_some());
                self.progress.cost_usd = result.cost_usd;
                self.progress.output_tokens = self.progress.output_tokens.max(result.output_tokens);
                self.result = Some(result);
            }
            _ => {}
        }
    }

    fn assistant(&mut self, message: &Value) {
        self.tally.message(text(message, "id"), text(message, "model"));
        self.progress.output_tokens += message["usage"]["output_tokens"].as_u64().unwrap_or_default();
        for block in message["content"].as_array().into_iter().flatten() {
            match text(block, "type") {
                "tool_use" => {
                    self.progress.tools += 1;
                    self.progress.activity = Some(progress::activity(text(block, "name"), detail(&block["input"])));
                }
                "text" => self.progress.activity = Some(progress::activity("writes", block["text"].as_str())),
                "thinking" => self.progress.activity = Some("thinks".into()),
                _ => {}
            }
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The part of a tool's input that tells a person most.
fn detail(input: &Value) -> Option<&str> {
    ["command", "file_path", "path", "pattern", "url", "query", "description", "prompt"]
        .iter()
        .find_map(|key| input[*key].as_str())
}

fn result(event: &Value) -> ResultEvent {
    let strings = |value: &Value, key: Option<&str>| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| key.map_or(item, |key| &item[key]).as_str().map(str::to_owned))
            .collect()
    };
    // Cut in mid-stream, `usage` is all zeros while `modelUsage` is right.
    let models = |keys: &[&str]| -> u64 {
        let used = event["modelUsage"].as_object().into_iter().flat_map(|models| models.values());
        used.flat_map(|model| keys.iter().filter_map(|key| model[*key].as_u64())).sum()
    };
    let usage = &event["usage"];
    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    let read: u64 = input.iter().filter_map(|key| usage[*key].as_u64()).sum();
    let written = usage["output_tokens"].as_u64().unwrap_or_default();
    ResultEvent {
        // A result that does not say so is no success.
        is_error: event["is_error"].as_bool().unwrap_or(true),
        subtype: text(event, "subtype").to_owned(),
        text: event["result"].as_str().map(str::to_owned),
        errors: strings(&event["errors"], None),
        api_status: event["api_error_status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        cost_usd: event["total_cost_usd"].as_f64(),
        input_tokens: read.max(models(&["inputTokens", "cacheCreationInputTokens", "cacheReadInputTokens"])),
        output_tokens: written.max(models(&["outputTokens"])),
        turns: event["num_turns"].as_u64().unwrap_or_default(),
        api_ms: event["duration_api_ms"].as_u64().unwrap_or_default(),
        denials: strings(&event["permission_denials"], Some("tool_name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One complete line of every event type, as the CLI wrote them.
    const RECORDED: &str = include_str!("../tests/claude-events.jsonl");

    fn all(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.read(text.as_bytes());
        transcript.end();
        transcript
    }

    fn result_with(needle: &str) -> Transcript {
        all(RECORDED.lines().find(|line| line.contains("\"type\":\"result\"") && line.contains(needle)).unwrap())
    }

    #[test]
    fn recorded_results_are_read() {
        let good = result_with("\"All done.\"").result.unwrap();
        assert!(!good.is_error);
        assert_eq!((good.turns, good.output_tokens), (2, 46));
        assert!((good.cost_usd.unwrap() - 0.197_18).abs() < 1e-9);
        let refused = result_with("API Error: 400").result.unwrap();
        assert!(refused.is_error);
        assert_eq!((refused.subtype.as_str(), refused.api_status), ("success", Some(400)));
        let budget = result_with("error_max_budget_usd").result.unwrap();
        assert_eq!(budget.errors, ["Reached maximum budget ($0.15)"]);
    }

    #[test]
    fn every_recorded_event_can_be_read_in_pieces_of_any_size() {
        let whole = all(RECORDED);
        assert!(whole.progress.tools >= 1 && whole.progress.model.is_some());
        for size in [1, 7, 100, 4096] {
            let mut pieces = Transcript::default();
            for piece in RECORDED.as_bytes().chunks(size) {
                pieces.read(piece);
            }
            pieces.end();
            assert_eq!(pieces, whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_warning_is_no_limit_and_a_rejection_carries_its_reset() {
        assert_eq!(all(RECORDED).limit, None);
        let rejected = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795320000}}"#;
        assert_eq!(all(rejected).limit, Some(Limit { resets_at: Some(1_795_320_000) }));
    }

    #[test]
    fn noise_endless_lines_and_a_cut_result_are_no_result() {
        let mut transcript = Transcript::default();
        transcript.read(b"warning: \xff\xfe\n");
        let endless = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            transcript.read(&endless);
        }
        assert!(transcript.partial.len() <= LONGEST_LINE + endless.len());
        transcript.read(b"\n{\"type\":\"result\",\"is_err");
        transcript.end();
        assert_eq!(transcript.result, None);
    }

    #[test]
    fn tokens_of_a_turn_that_was_cut_are_read_from_the_models() {
        let cut = r#"{"type":"result","is_error":true,"usage":{"input_tokens":0,"output_tokens":0},
            "modelUsage":{"opus":{"inputTokens":10,"cacheReadInputTokens":5,"outputTokens":3},"haiku":{"outputTokens":1}}}"#;
        let result = all(&cut.replace('\n', " ")).result.unwrap();
        assert_eq!((result.input_tokens, result.output_tokens), (15, 4));
    }

    #[test]
    fn an_event_after_the_result_does_not_undo_it() {
        let text = "{\"type\":\"result\",\"is_error\":false,\"result\":\"ok\"}\n{\"type\":\"system\",\"subtype\":\"task_updated\"}\n";
        assert_eq!(all(text).result.unwrap().text.as_deref(), Some("ok"));
    }
}
