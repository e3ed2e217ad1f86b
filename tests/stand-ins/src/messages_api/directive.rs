//! Reads from a conversation what the model is to do next.
//!
//! A *directive* is an order to the stand-in within the human's text, `[[say: hello]]`. The directives of the newest
//! human text are carried out in their order, one a turn; how many turns have passed is counted in the conversation
//! itself, so that the stand-in remembers nothing and a repeated request gets the same reply.
//!
//! Known: `[[say: text]]`, `[[slow: milliseconds text]]`, `[[tool: Name {json input}]]`, `[[error: 529]]`,
//! `[[error: 429 30]]` (retry after 30 s), `[[hang]]`, `[[stall]]`, `[[cut]]`. Anything else in brackets is plain text.

use std::time::Duration;

use serde_json::Value;

use super::reply::Reply;

/// The newest thing a human said, and how often the model has spoken since.
pub(super) struct Newest {
    pub(super) text: String,
    pub(super) turns: usize,
}

pub(super) fn newest(messages: &[Value]) -> Newest {
    let found = messages.iter().enumerate().rev().find_map(|(at, message)| Some((at, human_text(message)?)));
    let Some((at, text)) = found else { return Newest { text: String::new(), turns: 0 } };
    let turns = messages[at..].iter().filter(|message| message["role"] == "assistant").count();
    Newest { text, turns }
}

fn human_text(message: &Value) -> Option<String> {
    if message["role"] != "user" {
        return None;
    }
    let content = &message["content"];
    let blocks = content.as_array().map_or(&[][..], Vec::as_slice);
    if blocks.iter().any(|block| block["type"] == "tool_result") {
        return None;
    }
    let mut texts = content.as_str().into_iter().chain(blocks.iter().filter_map(|block| block["text"].as_str()));
    // After a failed turn the CLI joins the old prompt and the new one in one message: the last block is the newest.
    // What the CLI itself adds is not human.
    let added = |text: &str| ["<system-reminder>", "[Request interrupted"].iter().any(|start| text.starts_with(start));
    texts.rfind(|text| !added(text.trim_start())).map(str::to_owned)
}

/// The reply to the conversation so far.
pub(super) fn reply_to(newest: &Newest) -> Reply {
    let mut directives = directives_in(&newest.text);
    if directives.is_empty() {
        return Reply::Text(format!("ok: {}", newest.text.trim().chars().take(200).collect::<String>()));
    }
    if newest.turns < directives.len() {
        return directives.swap_remove(newest.turns);
    }
    Reply::Text("ok: done".to_owned())
}

fn directives_in(text: &str) -> Vec<Reply> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("[[") {
        rest = &rest[at + 2..];
        if let Some((reply, after)) = directive(rest) {
            found.push(reply);
            rest = after;
        }
    }
    found
}

/// One directive, whose `[[` has been read, and the text after its `]]`.
fn directive(text: &str) -> Option<(Reply, &str)> {
    if let Some(call) = text.strip_prefix("tool:") {
        let (name, json) = call.trim_start().split_once(char::is_whitespace)?;
        // The input may itself contain brackets: JSON says where it ends.
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
        let input = values.next()?.ok()?;
        let after = json[values.byte_offset()..].trim_start().strip_prefix("]]")?;
        return Some((Reply::Tool { name: name.to_owned(), input }, after));
    }
    let (order, after) = text.split_once("]]")?;
    let (name, argument) = order.split_once(':').unwrap_or((order, ""));
    let argument = argument.trim();
    let (first, second) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    let reply = match name.trim() {
        "say" => Reply::Text(argument.to_owned()),
        "slow" => Reply::TextSlow { text: second.to_owned(), pause: Duration::from_millis(first.parse().ok()?) },
        "error" => match (Reply::error(first.parse().ok()?), second.trim().parse().ok()) {
            (Reply::Error { status, kind, message, .. }, retry_after) => {
                Reply::Error { status, kind, message, retry_after }
            }
            (reply, _) => reply,
        },
        "hang" => Reply::Hang,
        "stall" => Reply::Stall,
        "cut" => Reply::Cut,
        _ => return None,
    };
    Some((reply, after))
}
