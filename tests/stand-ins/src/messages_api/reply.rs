//! What the service says to one request.
//!
//! A *reply* is the outcome of one model turn: something the model says or wants done, an error of the service, or a
//! way of falling silent. It comes from the test's script or from a directive in the prompt.
//!
//! It holds at most one content block: a model that speaks and acts at once is two turns here.

use std::time::Duration;

use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Text(String),
    /// A text in pieces of one word with a pause before each.
    TextSlow {
        text: String,
        pause: Duration,
    },
    /// A `tool_use` block: the client runs the tool and asks again.
    Tool {
        name: String,
        input: Value,
    },
    /// An error as the service sends it; `retry_after` in seconds.
    Error {
        status: u16,
        kind: String,
        message: String,
        retry_after: Option<u64>,
    },
    /// Accepts the request and sends nothing, not even headers.
    Hang,
    /// Starts a stream and then sends nothing more.
    Stall,
    /// Starts a stream and then drops the connection.
    Cut,
}

impl Reply {
    /// The service's own error of this status.
    pub fn error(status: u16) -> Self {
        let (kind, message) = match status {
            400 => ("invalid_request_error", "invalid request error"),
            401 => ("authentication_error", "invalid x-api-key"),
            403 => ("permission_error", "permission denied"),
            404 => ("not_found_error", "not found"),
            413 => ("request_too_large", "request exceeds the maximum size"),
            429 => ("rate_limit_error", "this request would exceed the rate limit"),
            529 => ("overloaded_error", "Overloaded"),
            _ => ("api_error", "Internal server error"),
        };
        Self::Error { status, kind: kind.to_owned(), message: message.to_owned(), retry_after: None }
    }

    /// The content block, and why the turn ended. Silent replies have begun a text.
    pub(super) fn block(&self, id: &str) -> (Value, &'static str) {
        match self {
            Self::Tool { name, input } => {
                (json!({"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": input}), "tool_use")
            }
            Self::Text(text) | Self::TextSlow { text, .. } => (json!({"type": "text", "text": text}), "end_turn"),
            Self::Error { .. } | Self::Hang | Self::Stall | Self::Cut => {
                (json!({"type": "text", "text": "I was about to"}), "end_turn")
            }
        }
    }
}
