//! A Telegram Bot API for tests.
//!
//! The *bot* is the client under test. A test plays Telegram's users (what they write and press), reads what the bot
//! made of it, waits for conditions, and plans faults. Everything is synchronous: the server has a thread of its own.
//!
//! It knows one bot, text messages and inline keyboards: no files, no webhooks, no inline mode.

mod faults;
mod requests;
mod send;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod updates;
mod users;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub use faults::Fault;
pub use requests::Recorded;
pub use state::{BotMessage, State};
pub use users::Said;

use crate::host::Host;

const BOT_ID: i64 = 123_456;

pub struct BotApi {
    shared: Arc<Shared>,
    host: Host,
    started: Instant,
}

/// The state, and the two ways to hear that it changed: for threads of tests and for requests in the server.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    woken: Notify,
    token: String,
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = self.look(change);
        self.changed.notify_all();
        self.woken.notify_waiters();
        result
    }

    /// Without telling anybody: for a waiter's own look.
    fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test's condition may panic while it holds the lock; the state is whole all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BotApi {
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { bot_id: BOT_ID, ..State::default() }),
            changed: Condvar::new(),
            woken: Notify::new(),
            token: format!("{BOT_ID}:TEST-token"),
        });
        let served = Arc::clone(&shared);
        let host = Host::start("bot-api", move |connection| server::serve(Arc::clone(&served), connection));
        Self { shared, host, started: Instant::now() }
    }

    /// The address to give to the client, without a path.
    pub fn url(&self) -> String {
        self.host.url()
    }

    pub fn token(&self) -> String {
        self.shared.token.clone()
    }

    pub fn bot_id(&self) -> i64 {
        BOT_ID
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.look(|state| state.requests().to_vec())
    }

    /// The messages that the bot sent to a chat, the oldest first, deleted ones included.
    pub fn messages(&self, chat: i64) -> Vec<BotMessage> {
        self.shared.look(|state| state.messages(chat))
    }

    /// The chat as a reader sees it, one line a message: see [`State::transcript`].
    pub fn transcript(&self, chat: i64) -> String {
        self.shared.look(|state| state.transcript(chat))
    }

    /// Waits until `condition` finds something. It must not call the stand-in: the state is locked while it looks.
    ///
    /// Panics with `what` and everything on record when the deadline has passed.
    pub fn wait_for<T>(&self, deadline: Duration, what: &str, mut condition: impl FnMut(&State) -> Option<T>) -> T {
        let until = Instant::now() + deadline;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = condition(&state) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {deadline:?} in vain for {what}\n{}", state.dump(self.started));
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a message of the bot, not deleted, whose present text contains `needle`; the newest is returned.
    pub fn wait_for_text(&self, chat: i64, needle: &str, deadline: Duration) -> BotMessage {
        self.wait_for(deadline, &format!("the text {needle:?} in chat {chat}"), |state| {
            state.messages(chat).into_iter().rev().find(|message| !message.deleted && message.text.contains(needle))
        })
    }

    /// Plans a fault for the next `times` calls of `method` (`*`: any method).
    pub fn fail_next(&self, method: &str, fault: Fault, times: usize) {
        self.shared.change(|state| state.plans.add(method, fault, times));
    }

    /// Forgets the planned faults and cuts the connections of requests that hang.
    pub fn clear_faults(&self) {
        self.shared.change(|state| {
            state.plans.clear();
            state.released += 1;
        });
    }

    /// Holds each chat to one sendMessage or editMessageText a second, after a burst of five; off at first.
    pub fn enforce_pace(&self, on: bool) {
        self.shared.change(|state| state.enforce_pace = on);
    }

    /// Refuses every sendMessage and editMessageText that carries entities.
    pub fn refuse_entities(&self, on: bool) {
        self.shared.change(|state| state.refuse_entities = on);
    }
}
