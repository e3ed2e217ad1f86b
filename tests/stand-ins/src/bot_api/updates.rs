//! Updates: what users did, until the bot has confirmed it.
//!
//! To *confirm* an update is to ask getUpdates with a higher offset; only then is it forgotten. An update that was
//! merely sent comes again. The bytes of an update are kept as they will be sent, so that a test can send broken ones.
//!
//! It does not look into an update beyond its id and its kind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::Shared;
use super::send::int;
use super::server::Reply;

const CONFLICT: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
/// Kinds that Telegram delivers only to bots that name them.
const ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

#[derive(Clone)]
struct Update {
    id: i64,
    bytes: Vec<u8>,
}

pub(super) struct Queue {
    /// By id, the lowest first.
    waiting: Vec<Update>,
    every: BTreeMap<i64, Update>,
    /// Sent once more with the next answer, whatever its offset.
    again: Vec<Update>,
    next_id: i64,
    allowed: Vec<String>,
    /// Which getUpdates holds the turn: a newer one ends the older.
    turn: u64,
    /// How many getUpdates wait for an update at this moment.
    pub(super) polling: usize,
}

/// A getUpdates in progress, until it is answered or its client has gone.
struct Polling<'a>(&'a Shared);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.updates.polling -= 1);
    }
}

impl Default for Queue {
    fn default() -> Self {
        let (waiting, every, again) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { waiting, every, again, next_id: 700_000_001, allowed: Vec::new(), turn: 0, polling: 0 }
    }
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.again.len()
    }

    pub(super) fn set_next_id(&mut self, id: i64) {
        self.next_id = id;
    }

    /// A new update of a kind; it counts but is not kept when the bot has not allowed its kind.
    pub(super) fn add(&mut self, kind: &str, content: &Value) -> i64 {
        let id = self.next_id;
        let wanted = if self.allowed.is_empty() {
            !ON_REQUEST.contains(&kind)
        } else {
            self.allowed.iter().any(|allowed| allowed == kind)
        };
        if wanted {
            self.add_bytes(Some(id), json!({"update_id": id, kind: content}).to_string().into_bytes());
        } else {
            self.next_id += 1;
        }
        id
    }

    pub(super) fn add_bytes(&mut self, id: Option<i64>, bytes: Vec<u8>) -> i64 {
        let id = id.unwrap_or(self.next_id);
        self.next_id = self.next_id.max(id + 1);
        let update = Update { id, bytes };
        let at = self.waiting.partition_point(|waiting| waiting.id <= id);
        self.waiting.insert(at, update.clone());
        self.every.insert(id, update);
        id
    }

    pub(super) fn next_id(&self) -> i64 {
        self.next_id
    }

    /// False when no update with this id was ever queued.
    pub(super) fn repeat(&mut self, id: i64) -> bool {
        let known = self.every.get(&id).cloned();
        let found = known.is_some();
        self.again.extend(known);
        found
    }

    pub(super) fn drop_all(&mut self) {
        self.waiting.clear();
        self.again.clear();
    }

    fn confirm(&mut self, offset: i64) {
        let gone = if offset < 0 {
            let kept = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            self.waiting.len().saturating_sub(kept)
        } else {
            self.waiting.partition_point(|waiting| waiting.id < offset)
        };
        self.waiting.drain(..gone);
    }

    /// The answer to a getUpdates, unless there is nothing to say yet.
    fn batch(&mut self, limit: usize) -> Option<Reply> {
        if self.len() == 0 {
            return None;
        }
        let again: Vec<Update> = self.again.drain(..limit.min(self.again.len())).collect();
        let updates: Vec<&[u8]> = again.iter().chain(&self.waiting).take(limit).map(|it| it.bytes.as_slice()).collect();
        Some(Reply::ok_bytes(&[b"[", updates.join(b",".as_slice()).as_slice(), b"]"].concat()))
    }
}

/// Confirms what the offset says and then waits for updates as long as the client asked, but not above 50 s.
pub(super) async fn get_updates(shared: &Shared, params: &Value) -> Reply {
    let limit = usize::try_from(int(params, "limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let timeout = u64::try_from(int(params, "timeout").unwrap_or(0).clamp(0, 50)).unwrap_or(0);
    let deadline = Instant::now() + Duration::from_secs(timeout);
    let turn = shared.change(|state| {
        let queue = &mut state.updates;
        queue.confirm(int(params, "offset").unwrap_or(0));
        // As Telegram does: the list holds until another is given, and for updates that arrive from now on.
        if let Some(kinds) = params.get("allowed_updates").and_then(Value::as_array) {
            queue.allowed = kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
        }
        queue.polling += 1;
        queue.turn += 1;
        queue.turn
    });
    let _polling = Polling(shared);
    loop {
        // Registered before the look, so that no update can arrive between the look and the wait.
        let mut changed = std::pin::pin!(shared.woken.notified());
        changed.as_mut().enable();
        let (current, batch) = shared.look(|state| {
            let current = state.updates.turn == turn;
            (current, if current { state.updates.batch(limit) } else { None })
        });
        if !current {
            return Reply::refusal(409, CONFLICT);
        }
        if let Some(reply) = batch {
            return reply;
        }
        if timeout_at(deadline.into(), changed).await.is_err() {
            return Reply::ok_bytes(b"[]");
        }
        // Two turns of the event loop let the end of a killed client's connection be noticed first: nothing is answered
        // to the dead, and only a living rival is told of a conflict.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
}
