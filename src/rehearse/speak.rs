//! The voice of a rehearsal: the events of Claude Code 2.1.197, as it writes them.

use std::{cell::RefCell, io::Write};

use serde_json::{Value, json};

/// One session's voice.
pub struct Voice {
    session: String,
    denials: RefCell<Vec<Value>>,
    turns: RefCell<u64>,
    cost: RefCell<f64>,
    retries: RefCell<u64>,
    messages: RefCell<u64>,
}

impl Voice {
    pub fn new(session: String) -> Self {
        Self {
            session,
            denials: RefCell::default(),
            turns: RefCell::new(1),
            cost: RefCell::default(),
            retries: RefCell::new(0),
            messages: RefCell::new(0),
        }
    }

    pub fn begin(&self) {
        event(json!({
            "type": "system", "subtype": "init", "session_id": self.session, "model": "rehearsal",
            "cwd": std::env::current_dir().unwrap_or_default(), "tools": [], "permissionMode": "acceptEdits",
        }));
    }

    pub fn says(&self, text: &str) {
        self.assistant(&json!({ "type": "text", "text": text }));
    }

    pub fn uses(&self, tool: &str, detail: &str) {
        *self.turns.borrow_mut() += 1;
        let key = if tool == "Bash" { "command" } else { "file_path" };
        self.assistant(&json!({ "type": "tool_use", "id": "toolu_rehearsal", "name": tool, "input": { key: detail } }));
        event(json!({
            "type": "user", "session_id": self.session,
            "message": { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_rehearsal", "content": "" }] },
        }));
    }

    pub fn denies(&self, tool: &str) {
        self.denials.borrow_mut().push(json!({ "tool_name": tool, "tool_use_id": "toolu_rehearsal" }));
    }

    pub fn answer(&self, text: &str) {
        self.result(false, "success", text, None);
    }

    pub fn costs(&self, usd: f64) {
        *self.cost.borrow_mut() += usd;
    }

    pub fn empty(&self) {
        *self.turns.borrow_mut() = 0;
        self.result(false, "success", "", None);
    }

    pub fn retries(&self, status: u16) {
        *self.retries.borrow_mut() += 1;
        event(json!({
            "type": "system", "subtype": "api_retry", "session_id": self.session, "attempt": *self.retries.borrow(),
            "max_retries": 10, "retry_delay_ms": 500.0, "error_status": (status != 0).then_some(status), "error": "unknown",
        }));
    }

    pub fn fails(&self, status: u16) {
        // A failed call ends with subtype "success": whoever trusts it is deceived.
        self.result(true, "success", &format!("API Error: {status} rehearsed"), Some(status));
    }

    pub fn not_logged_in(&self) {
        self.result(true, "success", "Not logged in · Please run /login", None);
    }

    pub fn limited(&self, resets_at: i64) {
        event(json!({
            "type": "rate_limit_event", "session_id": self.session,
            "rate_limit_info": { "status": "rejected", "resetsAt": resets_at, "rateLimitType": "five_hour" },
        }));
        self.result(true, "success", "You've hit your limit", Some(429));
    }

    fn assistant(&self, block: &Value) {
        *self.messages.borrow_mut() += 1;
        event(json!({
            "type": "assistant", "session_id": self.session,
            "message": { "id": format!("msg_{}", *self.messages.borrow()), "role": "assistant", "model": "rehearsal", "content": [block],
                         "usage": { "input_tokens": 10, "output_tokens": 1 } },
        }));
    }

    fn result(&self, is_error: bool, subtype: &str, text: &str, status: Option<u16>) {
        event(json!({
            "type": "result", "subtype": subtype, "is_error": is_error, "api_error_status": status, "result": text,
            "session_id": self.session, "num_turns": *self.turns.borrow(), "total_cost_usd": *self.cost.borrow(), "duration_ms": 1,
            "usage": { "input_tokens": 10, "output_tokens": 5 }, "permission_denials": *self.denials.borrow(),
        }));
    }
}

/// An error before anything began: no init event came before it.
pub fn unknown_session(words: &str) {
    event(json!({
        "type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0, "total_cost_usd": 0.0,
        "errors": [words], "usage": { "input_tokens": 0, "output_tokens": 0 }, "permission_denials": [],
    }));
}

/// Bytes that are no JSON, in one line.
pub fn noise(bytes: usize) {
    let _ = std::io::stdout().write_all(&vec![b'x'; bytes]);
    let _ = std::io::stdout().write_all(b"\n");
}

fn event(event: Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{event}");
    let _ = out.flush();
}
