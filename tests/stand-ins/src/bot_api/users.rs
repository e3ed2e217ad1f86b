//! What a test lets Telegram's users do, and the raw updates it lets Telegram send.
//!
//! A *user* is only a number here. What they do becomes an update at once and waits for the bot's getUpdates.
//!
//! It does not check that a user could do it: an old keyboard may be pressed after it has gone, as happens in life.

use serde_json::{Value, json};

use super::BotApi;
use super::state::{BotMessage, State, unix_now, user_json};

/// The ids of something that a user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub update_id: i64,
    pub message_id: i64,
}

impl BotApi {
    /// A private chat when `chat == user`, otherwise a supergroup.
    pub fn user_says(&self, chat: i64, user: i64, text: &str) -> Said {
        self.user_says_in(chat, None, user, text)
    }

    pub fn user_says_in(&self, chat: i64, topic: Option<i64>, user: i64, text: &str) -> Said {
        self.shared.change(|state| {
            state.chat(chat).private = chat == user;
            let content = BotMessage {
                message_id: 0,
                thread: topic,
                text: text.to_owned(),
                entities: commands_in(text),
                reply_markup: None,
                reply_to: None,
                history: vec![text.to_owned()],
                deleted: false,
            };
            let message_id = state.add_message(chat, Some(user), content);
            let message = state.message_json(chat, message_id).unwrap_or_default();
            Said { update_id: state.updates.add("message", &message), message_id }
        })
    }

    /// Panics when the message is unknown or the bot's.
    pub fn user_edits(&self, chat: i64, message_id: i64, new_text: &str) -> Said {
        let edited = self.shared.change(|state| {
            let message = state.chat(chat).messages.get_mut(&message_id).filter(|message| message.author.is_some())?;
            new_text.clone_into(&mut message.content.text);
            message.content.entities = commands_in(new_text);
            message.content.history.push(new_text.to_owned());
            message.edited = Some(unix_now());
            let message = state.message_json(chat, message_id)?;
            Some(Said { update_id: state.updates.add("edited_message", &message), message_id })
        });
        edited.unwrap_or_else(|| panic!("no user's message {message_id} in chat {chat}"))
    }

    /// Presses a button under a message of the bot. The message is given as inaccessible when it is unknown or deleted.
    pub fn user_presses(&self, chat: i64, user: i64, message_id: i64, callback_data: &str) -> Said {
        self.shared.change(|state| {
            state.chat(chat).private = chat == user;
            let there = state.chat(chat).messages.get(&message_id).is_some_and(|message| !message.content.deleted);
            let message = state
                .message_json(chat, message_id)
                .filter(|_| there)
                .unwrap_or_else(|| json!({"chat": state.chat_json(chat), "message_id": message_id, "date": 0}));
            let id = format!("{}", 4_000_000_000_000_i64 + state.updates.next_id());
            state.callbacks.insert(id.clone());
            let query = json!({
                "id": id, "from": user_json(user), "message": message, "chat_instance": format!("{chat}"),
                "data": callback_data,
            });
            Said { update_id: state.updates.add("callback_query", &query), message_id }
        })
    }

    /// Sends any update, known to the Bot API or not, whatever `allowed_updates` says; returns its id, which is assigned
    /// when `update_id` is missing. A message or callback query in it is known afterwards.
    pub fn raw_update(&self, mut update: Value) -> i64 {
        self.shared.change(|state| {
            if update.get("update_id").is_none() && update.is_object() {
                update["update_id"] = json!(state.updates.next_id());
            }
            learn(state, &update);
            let id = update.get("update_id").and_then(Value::as_i64);
            state.updates.add_bytes(id, update.to_string().into_bytes())
        })
    }

    /// Sends these bytes as one element of getUpdates' list. `update_id` is only where it stands in the order and which
    /// offset confirms it. Bytes that are not JSON break every answer that contains them.
    pub fn raw_update_bytes(&self, update_id: Option<i64>, bytes: &[u8]) -> i64 {
        self.shared.change(|state| state.updates.add_bytes(update_id, bytes.to_vec()))
    }

    /// Sends an update again, once, in the next answer, whatever that getUpdates' offset. Panics when it is unknown.
    pub fn repeat_update(&self, update_id: i64) {
        assert!(self.shared.change(|state| state.updates.repeat(update_id)), "no update {update_id} to repeat");
    }

    /// The next update gets this id. One below the bot's offset is dropped by its next getUpdates, as offsets demand.
    pub fn set_next_update_id(&self, id: i64) {
        self.shared.change(|state| state.updates.set_next_id(id));
    }

    /// From now on the bot may not write to this chat.
    pub fn block_chat(&self, chat: i64) {
        self.shared.change(|state| state.chat(chat).blocked = true);
    }

    pub fn unblock_chat(&self, chat: i64) {
        self.shared.change(|state| state.chat(chat).blocked = false);
    }
}

/// Telegram marks a command at the start of a text.
fn commands_in(text: &str) -> Vec<Value> {
    let word = text.split_ascii_whitespace().next().filter(|word| text.starts_with('/') && word.len() > 1);
    let length = word.map(|word| word.encode_utf16().count());
    length.map(|length| json!({"type": "bot_command", "offset": 0, "length": length})).into_iter().collect()
}

/// Keeps what a raw update tells of, so that the bot can reply to it, react to it or answer it.
fn learn(state: &mut State, update: &Value) {
    if let Some(id) = update.pointer("/callback_query/id").and_then(Value::as_str) {
        state.callbacks.insert(id.to_owned());
    }
    let message = &update["message"];
    let number = |path: &str| message.pointer(path).and_then(Value::as_i64);
    let (Some(chat), Some(message_id)) = (number("/chat/id"), number("/message_id")) else { return };
    let user = number("/from/id").unwrap_or_default();
    state.chat(chat).private = message.pointer("/chat/type").and_then(Value::as_str) == Some("private");
    let text = message["text"].as_str().unwrap_or_default().to_owned();
    let content = BotMessage {
        message_id,
        thread: number("/message_thread_id"),
        entities: message["entities"].as_array().cloned().unwrap_or_default(),
        reply_markup: None,
        reply_to: number("/reply_to_message/message_id"),
        history: vec![text.clone()],
        text,
        deleted: false,
    };
    state.add_message(chat, Some(user), content);
}
