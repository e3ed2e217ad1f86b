//! The methods that write into a chat, with the checks that Telegram makes.
//!
//! To *send* is here to add, change or take away what a user sees in a chat. Each method either has its whole effect
//! and answers the object that Telegram would, or is refused in Telegram's words and has none.
//!
//! It does not format: with `parse_mode` it refuses, since what is checked here are entities.

use serde_json::{Value, json};

use super::state::{BotMessage, State, unix_now};
use super::text::{Text, checked_markup, checked_text};

const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply markup are \
                            exactly the same as a current content and reply markup of the message";

/// A refusal: the status and Telegram's description.
pub(super) struct Refused(pub(super) u16, pub(super) String);

pub(super) fn bad(description: &str) -> Refused {
    Refused(400, format!("Bad Request: {description}"))
}

pub(super) fn int(params: &Value, name: &str) -> Option<i64> {
    let value = params.get(name)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The chat of a request, if the bot may write to it.
pub(super) fn chat(state: &State, params: &Value) -> Result<i64, Refused> {
    if params.get("chat_id").is_none() {
        return Err(bad("chat_id is empty"));
    }
    let chat = int(params, "chat_id").ok_or_else(|| bad("chat not found"))?;
    if state.chats.get(&chat).is_some_and(|known| known.blocked) {
        return Err(Refused(403, "Forbidden: bot was blocked by the user".to_owned()));
    }
    Ok(chat)
}

fn refuse_entities(state: &State, text: &Text) -> Result<(), Refused> {
    if state.refuse_entities && !text.entities.is_empty() {
        return Err(bad("can't parse entities: refused because the test asked for it"));
    }
    Ok(())
}

pub(super) fn send_message(state: &mut State, params: &Value) -> Result<Value, Refused> {
    let chat = chat(state, params)?;
    let text = checked_text(params, "message is too long")?;
    refuse_entities(state, &text)?;
    let reply_markup = checked_markup(params)?;
    let reply_to = replied(state, chat, params)?;
    let thread = int(params, "message_thread_id");
    let history = vec![text.text.clone()];
    let Text { text, entities } = text;
    let content = BotMessage { message_id: 0, thread, text, entities, reply_markup, reply_to, history, deleted: false };
    let id = state.add_message(chat, None, content);
    Ok(state.message_json(chat, id).unwrap_or_default())
}

/// A document is a message; what it holds is kept as its name and length, in the record of requests.
pub(super) fn send_document(state: &mut State, params: &Value) -> Result<Value, Refused> {
    let chat = chat(state, params)?;
    let document = params.get("document").filter(|document| document.is_object());
    let document = document.ok_or_else(|| bad("there is no document in the request"))?;
    let text = format!("[document {}]", document.get("file_name").and_then(Value::as_str).unwrap_or_default());
    let content = BotMessage {
        message_id: 0,
        thread: None,
        history: vec![text.clone()],
        text,
        entities: Vec::new(),
        reply_markup: None,
        reply_to: None,
        deleted: false,
    };
    let id = state.add_message(chat, None, content);
    Ok(state.message_json(chat, id).unwrap_or_default())
}

fn replied(state: &State, chat: i64, params: &Value) -> Result<Option<i64>, Refused> {
    let reply = params.get("reply_parameters").unwrap_or(&Value::Null);
    // The older spelling, which Telegram still takes.
    let Some(id) = int(reply, "message_id").or_else(|| int(params, "reply_to_message_id")) else { return Ok(None) };
    let flag = |holder: &Value| holder.get("allow_sending_without_reply").and_then(Value::as_bool).unwrap_or(false);
    let elsewhere = int(reply, "chat_id").unwrap_or(chat);
    let known = state.chats.get(&elsewhere).and_then(|it| it.messages.get(&id)).is_some_and(|it| !it.content.deleted);
    match known {
        true => Ok((elsewhere == chat).then_some(id)),
        false if flag(reply) || flag(params) => Ok(None),
        false => Err(bad("message to be replied not found")),
    }
}

pub(super) fn edit_message_text(state: &mut State, params: &Value) -> Result<Value, Refused> {
    let chat = chat(state, params)?;
    // Telegram's words for the same check differ from those of sendMessage.
    let text = checked_text(params, "MESSAGE_TOO_LONG")?;
    refuse_entities(state, &text)?;
    edit(state, chat, params, Some(text))
}

pub(super) fn edit_message_reply_markup(state: &mut State, params: &Value) -> Result<Value, Refused> {
    let chat = chat(state, params)?;
    edit(state, chat, params, None)
}

fn edit(state: &mut State, chat: i64, params: &Value, text: Option<Text>) -> Result<Value, Refused> {
    // A keyboard that is not sent again is taken away.
    let markup = checked_markup(params)?;
    let id = int(params, "message_id").ok_or_else(|| bad("message identifier is not specified"))?;
    let message = state.chat(chat).messages.get_mut(&id).filter(|message| !message.content.deleted);
    let message = message.ok_or_else(|| bad("message to edit not found"))?;
    if message.author.is_some() {
        return Err(bad("message can't be edited"));
    }
    let content = &mut message.content;
    let same_text = text.as_ref().is_none_or(|new| new.text == content.text && new.entities == content.entities);
    if same_text && content.reply_markup == markup {
        return Err(Refused(400, NOT_MODIFIED.to_owned()));
    }
    if let Some(new) = text {
        content.history.push(new.text.clone());
        content.text = new.text;
        content.entities = new.entities;
    }
    content.reply_markup = markup;
    message.edited = Some(unix_now());
    Ok(state.message_json(chat, id).unwrap_or_default())
}

pub(super) fn delete_message(state: &mut State, params: &Value) -> Result<Value, Refused> {
    let chat = chat(state, params)?;
    let id = int(params, "message_id").ok_or_else(|| bad("message identifier is not specified"))?;
    let message = state.chat(chat).messages.get_mut(&id).filter(|message| !message.content.deleted);
    message.ok_or_else(|| bad("message to delete not found"))?.content.deleted = true;
    Ok(json!(true))
}

pub(super) fn set_message_reaction(state: &mut State, params: &Value) -> Result<Value, Refused> {
    let chat = chat(state, params)?;
    let id = int(params, "message_id").ok_or_else(|| bad("message identifier is not specified"))?;
    let known = state.chat(chat).messages.get(&id).is_some_and(|message| !message.content.deleted);
    if known { Ok(json!(true)) } else { Err(bad("message to react not found")) }
}
