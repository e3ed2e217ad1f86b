//! What the stand-in knows: chats, messages, the waiting updates and the record of requests.
//!
//! The *state* is what Telegram would remember, and it changes only by a request's effect or by what a test lets a user
//! do. Tests read it through the methods of [`State`], which a wait holds still while its condition looks.
//!
//! It sends nothing, and it forgets everything when the stand-in is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::faults::Plans;
use super::requests::Recorded;
use super::updates::Queue;

/// Requests that one chat may make at once before it is held to one a second.
const PACE_BURST: f64 = 5.0;

/// A message that the bot sent.
#[derive(Clone, Debug, PartialEq)]
pub struct BotMessage {
    pub message_id: i64,
    pub thread: Option<i64>,
    pub text: String,
    pub entities: Vec<Value>,
    pub reply_markup: Option<Value>,
    pub reply_to: Option<i64>,
    /// Every text that the message has had, the oldest first, the present one last.
    pub history: Vec<String>,
    pub deleted: bool,
}

/// A message by anybody: `author` is the user, or `None` for the bot.
pub(super) struct Message {
    pub(super) author: Option<i64>,
    pub(super) date: u64,
    pub(super) edited: Option<u64>,
    pub(super) content: BotMessage,
}

#[derive(Default)]
pub(super) struct Chat {
    pub(super) private: bool,
    pub(super) blocked: bool,
    pub(super) messages: BTreeMap<i64, Message>,
    newest: i64,
    pace: Option<(Instant, f64)>,
}

#[derive(Default)]
pub struct State {
    pub(super) requests: Vec<Recorded>,
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) updates: Queue,
    pub(super) plans: Plans,
    /// Counts the calls of `clear_faults`: a hung request ends when it changes.
    pub(super) released: u64,
    pub(super) enforce_pace: bool,
    pub(super) refuse_entities: bool,
    pub(super) callbacks: BTreeSet<String>,
    pub(super) bot_id: i64,
}

impl State {
    /// Every request in the order of its arrival.
    pub fn requests(&self) -> &[Recorded] {
        &self.requests
    }

    /// The messages that the bot sent to a chat, the oldest first, deleted ones included.
    pub fn messages(&self, chat: i64) -> Vec<BotMessage> {
        let Some(chat) = self.chats.get(&chat) else { return Vec::new() };
        chat.messages.values().filter(|message| message.author.is_none()).map(|it| it.content.clone()).collect()
    }

    /// How many updates no getUpdates has confirmed yet.
    pub fn waiting_updates(&self) -> usize {
        self.updates.len()
    }

    /// Whether a getUpdates is in progress. It is not any more once a killed client's connection has ended.
    pub fn polling(&self) -> bool {
        self.updates.polling > 0
    }

    /// One line a message: `bot #3: text`, `user 42 #2: text`, with the topic and `(deleted)` where it applies.
    pub fn transcript(&self, chat: i64) -> String {
        let mut lines = String::new();
        for message in self.chats.get(&chat).into_iter().flat_map(|chat| chat.messages.values()) {
            let author = message.author.map_or_else(|| "bot".to_owned(), |user| format!("user {user}"));
            let thread = message.content.thread.map_or_else(String::new, |topic| format!(" in {topic}"));
            let deleted = if message.content.deleted { " (deleted)" } else { "" };
            let _ =
                writeln!(lines, "{author} #{}{thread}{deleted}: {}", message.content.message_id, message.content.text);
        }
        lines
    }

    /// What stood in the record when a wait gave up.
    pub(super) fn dump(&self, since: Instant) -> String {
        let mut lines = String::new();
        for request in &self.requests {
            let at = request.at.saturating_duration_since(since).as_secs_f64();
            let params: String = request.params.to_string().chars().take(400).collect();
            let _ = writeln!(lines, "{at:8.3} s  {:>3}  {} {params}", request.status, request.method);
        }
        let _ = writeln!(lines, "{} updates wait", self.updates.len());
        for chat in self.chats.keys() {
            let _ = writeln!(lines, "chat {chat}:\n{}", self.transcript(*chat));
        }
        lines
    }

    pub(super) fn chat(&mut self, id: i64) -> &mut Chat {
        self.chats.entry(id).or_insert_with(|| Chat { private: id > 0, ..Chat::default() })
    }

    /// Keeps a new message and returns its id, which counts up within the chat.
    pub(super) fn add_message(&mut self, chat: i64, author: Option<i64>, mut content: BotMessage) -> i64 {
        let chat = self.chat(chat);
        if content.message_id == 0 {
            content.message_id = chat.newest + 1;
        }
        let id = content.message_id;
        chat.newest = chat.newest.max(id);
        chat.messages.insert(id, Message { author, date: unix_now(), edited: None, content });
        id
    }

    /// The message as a Message object of the Bot API.
    pub(super) fn message_json(&self, chat: i64, id: i64) -> Option<Value> {
        let mut object = self.bare_message_json(chat, id)?;
        let replied = self.chats.get(&chat)?.messages.get(&id)?.content.reply_to;
        // One level only, as Telegram does: the message replied to is shown without its own reply.
        if let Some(replied) = replied.and_then(|replied| self.bare_message_json(chat, replied)) {
            object["reply_to_message"] = replied;
        }
        Some(object)
    }

    fn bare_message_json(&self, chat: i64, id: i64) -> Option<Value> {
        let message = self.chats.get(&chat)?.messages.get(&id)?;
        let content = &message.content;
        let mut object = json!({
            "message_id": id, "date": message.date, "text": content.text,
            "chat": self.chat_json(chat), "from": message.author.map_or_else(|| self.bot_json(), user_json),
        });
        if let Some(edited) = message.edited {
            object["edit_date"] = json!(edited);
        }
        if let Some(topic) = content.thread {
            object["message_thread_id"] = json!(topic);
            object["is_topic_message"] = json!(true);
        }
        if !content.entities.is_empty() {
            object["entities"] = json!(content.entities);
        }
        if let Some(markup) = content.reply_markup.as_ref().filter(|markup| markup.get("inline_keyboard").is_some()) {
            object["reply_markup"] = markup.clone();
        }
        Some(object)
    }

    pub(super) fn chat_json(&self, chat: i64) -> Value {
        if self.chats.get(&chat).map_or(chat > 0, |known| known.private) {
            json!({"id": chat, "type": "private", "first_name": format!("User{chat}"), "username": format!("user{chat}")})
        } else {
            let topics =
                self.chats.get(&chat).is_some_and(|it| it.messages.values().any(|m| m.content.thread.is_some()));
            json!({"id": chat, "type": "supergroup", "title": format!("Group {chat}"), "is_forum": topics})
        }
    }

    pub(super) fn bot_json(&self) -> Value {
        json!({"id": self.bot_id, "is_bot": true, "first_name": "Stand-in", "username": "stand_in_bot"})
    }

    /// Seconds to wait when this request comes too early for its chat, as a token bucket of one a second counts them.
    pub(super) fn too_early(&mut self, chat: i64) -> Option<u64> {
        if !self.enforce_pace {
            return None;
        }
        let now = Instant::now();
        let pace = &mut self.chat(chat).pace;
        let (at, left) = pace.unwrap_or((now, PACE_BURST));
        let left = (left + now.duration_since(at).as_secs_f64()).min(PACE_BURST);
        let early = left < 1.0;
        *pace = Some((now, if early { left } else { left - 1.0 }));
        // The bucket never holds more than one second's lack, and Telegram counts in whole seconds.
        early.then_some(1)
    }
}

pub(super) fn user_json(user: i64) -> Value {
    json!({
        "id": user, "is_bot": false, "first_name": format!("User{user}"), "username": format!("user{user}"),
        "language_code": "en",
    })
}

pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
