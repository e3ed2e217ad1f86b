//! Serves the Bot API's methods over HTTP.
//!
//! An *answer* is Telegram's envelope: `ok` and `result`, or `ok: false` with a code and a description. Each request
//! goes the same way: recorded, token checked, planned fault, pace, effect, answer.
//!
//! It serves no files and sets no webhook.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Shared;
use super::faults::{Fault, too_many_requests};
use super::requests::{METHODS, Recorded, chat_of, params, token_and_method};
use super::send::{self, Refused, bad};
use super::state::State;
use super::updates::get_updates;
use crate::connection::{Connection, Request};

pub(super) enum Reply {
    Answer { status: u16, content_type: &'static str, body: Vec<u8> },
    Cut,
}

impl Reply {
    pub(super) fn ok_bytes(result: &[u8]) -> Self {
        let body = [b"{\"ok\":true,\"result\":", result, b"}"].concat();
        Self::Answer { status: 200, content_type: "application/json", body }
    }

    pub(super) fn refusal(status: u16, description: &str) -> Self {
        let body = json!({"ok": false, "error_code": status, "description": description}).to_string().into_bytes();
        Self::Answer { status, content_type: "application/json", body }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Answer { status, .. } => *status,
            Self::Cut => 0,
        }
    }
}

impl From<Result<Value, Refused>> for Reply {
    fn from(result: Result<Value, Refused>) -> Self {
        match result {
            Ok(value) => Self::ok_bytes(value.to_string().as_bytes()),
            Err(Refused(status, description)) => Self::refusal(status, &description),
        }
    }
}

/// Serves one connection until the client leaves it or a fault cuts it.
pub(super) async fn serve(shared: Arc<Shared>, mut connection: Connection) {
    while let Some(request) = connection.request().await {
        let Some(Reply::Answer { status, content_type, body }) =
            connection.unless_closed(handle(&shared, &request)).await
        else {
            return;
        };
        let headers = format!("content-type: {content_type}\r\n");
        if connection.answer(status, &headers, &body).await.is_err() {
            return;
        }
    }
}

async fn handle(shared: &Shared, request: &Request) -> Reply {
    let Some((token, method)) = token_and_method(&request.path) else { return Reply::refusal(404, "Not Found") };
    let (params, unreadable) = match params(request) {
        Ok(params) => (params, None),
        Err(description) => (Value::Null, Some(description)),
    };
    let (index, fault, released, early) = shared.change(|state| {
        let (at, chat) = (std::time::Instant::now(), chat_of(&params));
        state.requests.push(Recorded { at, method: method.clone(), params: params.clone(), status: 0, chat });
        let known = token == shared.token;
        let fault = if known { state.plans.take(&method) } else { None };
        let paced = known && fault.is_none() && matches!(method.as_str(), "sendMessage" | "editMessageText");
        let early = chat.filter(|_| paced).and_then(|chat| state.too_early(chat));
        (state.requests.len() - 1, fault, state.released, early)
    });
    let reply = if token != shared.token {
        Reply::refusal(401, "Unauthorized")
    } else if let Some(description) = unreadable {
        Reply::refusal(400, description)
    } else if let Some(refusal) = fault.as_ref().and_then(Fault::refusal) {
        refusal
    } else if let Some(seconds) = early {
        too_many_requests(seconds)
    } else if fault == Some(Fault::Hang) {
        released_from(shared, released).await;
        Reply::Cut
    } else {
        spoilt(perform(shared, &method, &params).await, fault).await
    };
    shared.change(|state| state.requests[index].status = reply.status());
    reply
}

async fn perform(shared: &Shared, method: &str, params: &Value) -> Reply {
    if method == "getUpdates" {
        return get_updates(shared, params).await;
    }
    if !METHODS.contains(&method) {
        return Reply::refusal(404, "Not Found");
    }
    shared.change(|state| effect(state, method, params)).into()
}

fn effect(state: &mut State, method: &str, params: &Value) -> Result<Value, Refused> {
    match method {
        "getMe" => {
            let mut me = state.bot_json();
            for (name, value) in [
                ("can_join_groups", true),
                ("can_read_all_group_messages", true),
                ("supports_inline_queries", false),
                ("can_connect_to_business", false),
                ("has_main_web_app", false),
            ] {
                me[name] = json!(value);
            }
            Ok(me)
        }
        "sendMessage" => send::send_message(state, params),
        "sendDocument" => send::send_document(state, params),
        "editMessageText" => send::edit_message_text(state, params),
        "editMessageReplyMarkup" => send::edit_message_reply_markup(state, params),
        "deleteMessage" => send::delete_message(state, params),
        "setMessageReaction" => send::set_message_reaction(state, params),
        "sendChatAction" => send::chat(state, params).map(|_| json!(true)),
        "answerCallbackQuery" => {
            let id = params.get("callback_query_id").and_then(Value::as_str).unwrap_or_default();
            if state.callbacks.contains(id) {
                Ok(json!(true))
            } else {
                Err(bad("query is too old and response timeout expired or query ID is invalid"))
            }
        }
        "getWebhookInfo" => {
            Ok(json!({"url": "", "has_custom_certificate": false, "pending_update_count": state.waiting_updates()}))
        }
        "deleteWebhook" => {
            if params.get("drop_pending_updates").and_then(Value::as_bool) == Some(true) {
                state.updates.drop_all();
            }
            Ok(json!(true))
        }
        _ => Ok(json!(true)),
    }
}

/// What a fault does to an answer whose effect has taken place.
async fn spoilt(reply: Reply, fault: Option<Fault>) -> Reply {
    match (fault, reply) {
        (Some(Fault::DropAfterEffect), _) => Reply::Cut,
        (Some(Fault::Slow(late)), reply) => {
            tokio::time::sleep(late).await;
            reply
        }
        (Some(Fault::Truncated), Reply::Answer { status, content_type, mut body }) => {
            body.truncate(body.len() / 2);
            Reply::Answer { status, content_type, body }
        }
        (_, reply) => reply,
    }
}

/// Waits for the next `clear_faults`.
async fn released_from(shared: &Shared, before: u64) {
    loop {
        let mut changed = std::pin::pin!(shared.woken.notified());
        changed.as_mut().enable();
        if shared.look(|state| state.released != before) {
            return;
        }
        changed.await;
    }
}
