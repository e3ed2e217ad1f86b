//! Serves the Messages API over HTTP.
//!
//! An *agent's turn* is a request that offers tools: it takes the next reply of the script, or else what the prompt's
//! directives say. Every other request is a *side request* (a title, a quota check), answered shortly and apart from
//! the script.
//!
//! It checks no key and no field of a request.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::directive::{newest, reply_to};
use super::reply::Reply;
use super::sse::{Turn, headers, stream, tokens, whole};
use super::{Asked, Shared};
use crate::connection::{Connection, Request};

/// Serves one connection until the client leaves it or a reply breaks it.
pub(super) async fn serve(shared: Arc<Shared>, mut connection: Connection) {
    while let Some(request) = connection.request().await {
        if !answer(&shared, &mut connection, &request).await {
            return;
        }
    }
}

/// False when the connection is of no more use.
async fn answer(shared: &Shared, connection: &mut Connection, request: &Request) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let asked = asked(request, &body);
    let turn = Turn::new(&asked.model, tokens(&String::from_utf8_lossy(&request.body)));
    let agent = asked.has_tools && asked.path == "/v1/messages";
    let said = newest(body["messages"].as_array().map_or(&[], Vec::as_slice));
    let reply = shared.change(|state| {
        state.asked.push(asked);
        if agent { state.script.pop_front() } else { None }
    });
    match (request.verb.as_str(), request.path.as_str()) {
        ("HEAD", "/") => connection.answer(200, "", b"").await.is_ok(),
        ("POST", "/v1/messages/count_tokens") => {
            let count = json!({"input_tokens": turn.input_tokens}).to_string();
            connection.answer(200, &headers(&turn, "application/json"), count.as_bytes()).await.is_ok()
        }
        ("POST", "/v1/messages") => {
            let reply = reply.unwrap_or_else(|| if agent { reply_to(&said) } else { side_reply(&body) });
            send(connection, &turn, &reply, body["stream"] == true).await
        }
        _ => error(connection, &turn, &Reply::error(404)).await,
    }
}

async fn send(connection: &mut Connection, turn: &Turn, reply: &Reply, streamed: bool) -> bool {
    match reply {
        Reply::Error { .. } => return error(connection, turn, reply).await,
        Reply::Hang => {}
        Reply::Cut if !streamed => return false,
        Reply::Stall if !streamed => {}
        Reply::Text(_) | Reply::TextSlow { .. } | Reply::Tool { .. } if !streamed => {
            return whole(connection, turn, reply).await.is_ok();
        }
        Reply::Text(_) | Reply::TextSlow { .. } | Reply::Tool { .. } | Reply::Stall | Reply::Cut => {
            match stream(connection, turn, reply).await {
                Ok(false) if *reply == Reply::Stall => {}
                Ok(complete) => return complete,
                Err(_) => return false,
            }
        }
    }
    // Silent until the client gives up, which a test does by ending it.
    connection.closed().await;
    false
}

async fn error(connection: &mut Connection, turn: &Turn, reply: &Reply) -> bool {
    let Reply::Error { status, kind, message, retry_after } = reply else { return false };
    let body = json!({
        "type": "error", "error": {"type": kind, "message": message}, "request_id": format!("req_{}", turn.id),
    });
    let retry = retry_after.map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
    let headers = headers(turn, "application/json") + &retry;
    connection.answer(*status, &headers, body.to_string().as_bytes()).await.is_ok()
}

/// Something short that fits both a client that wants words and one that wants the JSON it described.
fn side_reply(body: &Value) -> Reply {
    let wants_json = body.pointer("/output_config/format").is_some() || body["output_format"].is_object();
    Reply::Text(if wants_json { json!({"title": "Stand-in"}).to_string() } else { "ok".to_owned() })
}

fn asked(request: &Request, body: &Value) -> Asked {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    Asked {
        at: Instant::now(),
        verb: request.verb.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        has_tools: body["tools"].as_array().is_some_and(|tools| !tools.is_empty()),
        streamed: body["stream"] == true,
        api_key: request.header("x-api-key").map(str::to_owned),
        user_agent: request.header("user-agent").map(str::to_owned),
        last_user_text: newest(messages).text,
        body: body.clone(),
    }
}
