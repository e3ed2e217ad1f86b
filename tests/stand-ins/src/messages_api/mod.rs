//! Anthropic's Messages API for tests, good enough for the real Claude Code CLI.
//!
//! The *model* is the stand-in itself: it says and does what a script of the test or directives in the prompt tell it
//! (see `directive.rs` for their list). With neither it answers `ok: ` and the beginning of the prompt.
//!
//! It understands nothing, counts tokens roughly, and needs no key.

mod claude;
mod directive;
mod reply;
mod server;
mod sse;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use claude::find_claude;
pub use reply::Reply;

use crate::host::Host;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Instant,
    pub verb: String,
    pub path: String,
    pub query: String,
    pub model: String,
    /// Whether it is an agent's turn; a request without tools is a side request.
    pub has_tools: bool,
    pub streamed: bool,
    pub api_key: Option<String>,
    pub user_agent: Option<String>,
    /// The newest human text of the conversation, without the CLI's reminders.
    pub last_user_text: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    script: VecDeque<Reply>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        result
    }
}

pub struct MessagesApi {
    shared: Arc<Shared>,
    host: Host,
}

impl MessagesApi {
    pub fn start() -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let served = Arc::clone(&shared);
        let host = Host::start("messages-api", move |connection| server::serve(Arc::clone(&served), connection));
        Self { shared, host }
    }

    pub fn url(&self) -> String {
        self.host.url()
    }

    /// Replies for the next agent's turns, used before any directive. Each request takes one, a client's retry too.
    pub fn script(&self, replies: Vec<Reply>) {
        self.shared.change(|state| state.script.extend(replies));
    }

    /// The replies of the script that nobody has taken.
    pub fn unused_script(&self) -> Vec<Reply> {
        self.shared.change(|state| state.script.iter().cloned().collect())
    }

    pub fn requests(&self) -> Vec<Asked> {
        self.shared.change(|state| state.asked.clone())
    }

    /// Waits until `condition` finds something in the requests so far. It must not call the stand-in.
    ///
    /// Panics with `what` and the requests on record when the deadline has passed.
    pub fn wait_for<T>(&self, deadline: Duration, what: &str, mut condition: impl FnMut(&[Asked]) -> Option<T>) -> T {
        let until = Instant::now() + deadline;
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = condition(&state.asked) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {deadline:?} in vain for {what}\n{}", dump(&state.asked));
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The environment in which the CLI asks this stand-in, and nobody else, with `home` for its sessions.
    pub fn child_env(&self, home: &Path) -> Vec<(String, String)> {
        claude::child_env(&self.url(), home)
    }
}

fn dump(asked: &[Asked]) -> String {
    let lines = asked.iter().map(|it| {
        let text: String = it.last_user_text.chars().take(200).collect();
        format!("{} {} {} tools: {} {text:?}", it.verb, it.path, it.model, it.has_tools)
    });
    lines.collect::<Vec<_>>().join("\n")
}
