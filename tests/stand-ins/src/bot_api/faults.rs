//! Faults on demand: how the service misbehaves for the next matching requests.
//!
//! A *fault* is planned by a test for a method and a number of calls; the first plan that matches is used up first.
//! The *effect* of a request is what the service remembers of it (a message sent, updates confirmed); each fault says
//! whether the effect takes place, since that is what a client cannot know.
//!
//! It breaks nothing at random, and it leaves requests that are already waiting alone.

use std::time::Duration;

use serde_json::json;

use super::server::Reply;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `retry_after` in seconds; no effect.
    TooManyRequests { retry_after: u64 },
    /// A server error, 500 to 504; no effect. 500 is JSON, the others are the front server's HTML page.
    Server(u16),
    /// Any refusal; no effect.
    Status { code: u16, description: String },
    /// Accepts the request and never answers; no effect. `clear_faults` or dropping the stand-in cuts the connection.
    Hang,
    /// Cuts the connection before the effect.
    DropConnection,
    /// Performs the request and then cuts the connection without an answer.
    DropAfterEffect,
    /// Performs the request at once and answers so much later.
    Slow(Duration),
    /// Performs the request and answers a complete HTTP response whose JSON is cut in half.
    Truncated,
}

impl Fault {
    /// The answer of a fault that keeps the request from having its effect.
    pub(super) fn refusal(&self) -> Option<Reply> {
        match self {
            Self::TooManyRequests { retry_after } => Some(too_many_requests(*retry_after)),
            Self::Server(500) => Some(Reply::refusal(500, "Internal Server Error")),
            Self::Server(code) => Some(Reply::Answer {
                status: *code,
                content_type: "text/html",
                body: format!("<html><head><title>{code}</title></head><body>nginx</body></html>").into_bytes(),
            }),
            Self::Status { code, description } => Some(Reply::refusal(*code, description)),
            Self::DropConnection => Some(Reply::Cut),
            Self::Hang | Self::DropAfterEffect | Self::Slow(_) | Self::Truncated => None,
        }
    }
}

pub(super) fn too_many_requests(retry_after: u64) -> Reply {
    let body = json!({
        "ok": false, "error_code": 429,
        "description": format!("Too Many Requests: retry after {retry_after}"),
        "parameters": {"retry_after": retry_after},
    });
    Reply::Answer { status: 429, content_type: "application/json", body: body.to_string().into_bytes() }
}

/// The faults still to come, in the order in which they were planned.
#[derive(Default)]
pub(super) struct Plans(Vec<Plan>);

struct Plan {
    method: String,
    fault: Fault,
    left: usize,
}

impl Plans {
    /// `method` is compared without regard to case; `*` stands for every method.
    pub(super) fn add(&mut self, method: &str, fault: Fault, times: usize) {
        if times > 0 {
            self.0.push(Plan { method: method.to_owned(), fault, left: times });
        }
    }

    pub(super) fn take(&mut self, method: &str) -> Option<Fault> {
        let at = self.0.iter().position(|plan| plan.method == "*" || plan.method.eq_ignore_ascii_case(method))?;
        let plan = &mut self.0[at];
        plan.left -= 1;
        let fault = plan.fault.clone();
        if plan.left == 0 {
            self.0.remove(at);
        }
        Some(fault)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
