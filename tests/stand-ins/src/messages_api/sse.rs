//! Writes a reply as the Messages API does: as one JSON object, or as a stream of server-sent events.
//!
//! An *event* is a named line of JSON; a turn is `message_start`, one content block with its deltas, `message_delta`
//! with the usage and the reason for stopping, and `message_stop`.
//!
//! It decides nothing about what is said.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::reply::Reply;
use crate::connection::Connection;

/// What a reply needs to know of its request.
pub(super) struct Turn {
    pub(super) model: String,
    pub(super) input_tokens: usize,
    pub(super) id: String,
}

impl Turn {
    pub(super) fn new(model: &str, input_tokens: usize) -> Self {
        // Ids go into the CLI's transcript, which may outlive this server: the time keeps them apart from another's.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let id = format!("{since:016x}{:06x}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self { model: model.to_owned(), input_tokens, id }
    }

    fn usage(&self, output_tokens: usize) -> Value {
        json!({
            "input_tokens": self.input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": output_tokens, "service_tier": "standard",
        })
    }

    fn message(&self, content: &Value, stop_reason: Option<&str>, output_tokens: usize) -> Value {
        json!({
            "id": format!("msg_{}", self.id), "type": "message", "role": "assistant", "model": self.model,
            "content": content, "stop_reason": stop_reason, "stop_sequence": null,
            "usage": self.usage(output_tokens),
        })
    }
}

/// A rough count, as good as any here: the client only adds them up.
pub(super) fn tokens(text: &str) -> usize {
    text.len() / 4 + 1
}

pub(super) async fn whole(connection: &mut Connection, turn: &Turn, reply: &Reply) -> io::Result<()> {
    let (block, stop_reason) = reply.block(&turn.id);
    let message = turn.message(&json!([block]), Some(stop_reason), tokens(&block.to_string()));
    connection.answer(200, &headers(turn, "application/json"), message.to_string().as_bytes()).await
}

/// Streams the reply; a stream that is to break off ends after its first piece of text, and returns false.
pub(super) async fn stream(connection: &mut Connection, turn: &Turn, reply: &Reply) -> io::Result<bool> {
    let head = format!("HTTP/1.1 200 OK\r\n{}transfer-encoding: chunked\r\n\r\n", headers(turn, "text/event-stream"));
    connection.write(head.as_bytes()).await?;
    let (block, stop_reason) = reply.block(&turn.id);
    event(connection, json!({"type": "message_start", "message": turn.message(&json!([]), None, 1)})).await?;
    event(connection, json!({"type": "content_block_start", "index": 0, "content_block": begun(&block)})).await?;
    let (deltas, pause) = deltas(&block, reply);
    for delta in deltas {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        event(connection, json!({"type": "content_block_delta", "index": 0, "delta": delta})).await?;
        if matches!(reply, Reply::Stall | Reply::Cut) {
            return Ok(false);
        }
    }
    event(connection, json!({"type": "content_block_stop", "index": 0})).await?;
    let usage = turn.usage(tokens(&block.to_string()));
    let delta = json!({"stop_reason": stop_reason, "stop_sequence": null});
    event(connection, json!({"type": "message_delta", "delta": delta, "usage": usage})).await?;
    event(connection, json!({"type": "message_stop"})).await?;
    connection.write(b"0\r\n\r\n").await?;
    Ok(true)
}

/// The block as it stands before its first delta.
fn begun(block: &Value) -> Value {
    let mut begun = block.clone();
    if begun["type"] == "tool_use" {
        begun["input"] = json!({});
    } else {
        begun["text"] = json!("");
    }
    begun
}

fn deltas(block: &Value, reply: &Reply) -> (Vec<Value>, Option<Duration>) {
    if block["type"] == "tool_use" {
        let input = block["input"].to_string();
        return (vec![json!({"type": "input_json_delta", "partial_json": input})], None);
    }
    let text = block["text"].as_str().unwrap_or_default();
    let pieces = text.split_inclusive(' ').map(|word| json!({"type": "text_delta", "text": word})).collect();
    (pieces, if let Reply::TextSlow { pause, .. } = reply { Some(*pause) } else { None })
}

pub(super) fn headers(turn: &Turn, content_type: &str) -> String {
    format!("content-type: {content_type}\r\nrequest-id: req_{}\r\n", turn.id)
}

async fn event(connection: &mut Connection, data: Value) -> io::Result<()> {
    let name = data["type"].as_str().unwrap_or_default();
    let event = format!("event: {name}\ndata: {data}\n\n");
    connection.write(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await
}
