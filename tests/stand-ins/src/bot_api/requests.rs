//! Reads a request as the Bot API does, and keeps the record of what was asked.
//!
//! A *request* is one call of a Bot API method. Its parameters may come in the query string, as JSON, url-encoded or as
//! multipart/form-data; they are brought into one JSON object, in which a form's numbers and JSON texts are values again.
//!
//! It does not judge them, and it keeps an uploaded file only as its length.

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::connection::{Request, find};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub at: Instant,
    /// As Telegram's documentation spells it (`sendMessage`), or as the client did when it is unknown.
    pub method: String,
    pub params: Value,
    /// 0 until an answer is sent, and for ever when the connection was cut or the client went away.
    pub status: u16,
    pub chat: Option<i64>,
}

pub(super) const METHODS: [&str; 13] = [
    "getMe",
    "getUpdates",
    "sendMessage",
    "sendDocument",
    "editMessageText",
    "editMessageReplyMarkup",
    "deleteMessage",
    "answerCallbackQuery",
    "setMessageReaction",
    "setMyCommands",
    "sendChatAction",
    "deleteWebhook",
    "getWebhookInfo",
];

/// Splits `/bot<token>/<method>`.
pub(super) fn token_and_method(path: &str) -> Option<(String, String)> {
    let (token, method) = path.strip_prefix("/bot")?.split_once('/')?;
    let method = METHODS.iter().find(|known| known.eq_ignore_ascii_case(method)).map_or(method, |known| known);
    Some((percent_decoded(token), method.to_owned()))
}

/// The parameters, or the description of the refusal.
pub(super) fn params(request: &Request) -> Result<Value, &'static str> {
    let mut params = Map::new();
    read_form(&request.query, &mut params);
    let kind = request.header("content-type").unwrap_or("application/x-www-form-urlencoded");
    if kind.starts_with("application/json") {
        if !request.body.is_empty() {
            let Ok(Value::Object(body)) = serde_json::from_slice(&request.body) else {
                return Err("Bad Request: can't parse JSON object in the request body");
            };
            for (name, value) in body {
                // Telegram accepts a JSON text where it wants an object, in a JSON body too.
                let value = match value.as_str() {
                    Some(text) if text.starts_with(['{', '[']) => value_of(&name, text),
                    _ => value,
                };
                params.insert(name, value);
            }
        }
    } else if let Some((_, boundary)) = kind.split_once("boundary=") {
        read_multipart(&request.body, boundary.trim_matches('"'), &mut params);
    } else {
        read_form(&String::from_utf8_lossy(&request.body), &mut params);
    }
    Ok(Value::Object(params))
}

pub(super) fn chat_of(params: &Value) -> Option<i64> {
    let chat = params.get("chat_id")?;
    chat.as_i64().or_else(|| chat.as_str()?.parse().ok())
}

fn read_form(form: &str, params: &mut Map<String, Value>) {
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decoded(&name.replace('+', " "));
        let value = value_of(&name, &percent_decoded(&value.replace('+', " ")));
        params.insert(name, value);
    }
}

/// A form knows only texts: what is not free text becomes the JSON value that it spells.
fn value_of(name: &str, text: &str) -> Value {
    let free = matches!(
        name,
        "text" | "caption" | "callback_query_id" | "url" | "parse_mode" | "action" | "language_code" | "description"
    );
    let spelled = if free { None } else { serde_json::from_str(text).ok() };
    spelled.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn read_multipart(body: &[u8], boundary: &str, params: &mut Map<String, Value>) {
    let mark = format!("--{boundary}");
    let mut rest = body;
    while let Some(at) = find(rest, mark.as_bytes()) {
        rest = &rest[at + mark.len()..];
        let Some(head_end) = find(rest, b"\r\n\r\n") else { return };
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        rest = &rest[head_end + 4..];
        let length = find(rest, format!("\r\n{mark}").as_bytes()).unwrap_or(rest.len());
        let content = &rest[..length];
        rest = &rest[length..];
        let quoted = |key: &str| head.split_once(&format!(" {key}=\"")).and_then(|(_, after)| after.split('"').next());
        let Some(name) = quoted("name") else { continue };
        let value = match quoted("filename") {
            Some(file) => json!({"file_name": file, "length": content.len()}),
            None => value_of(name, &String::from_utf8_lossy(content)),
        };
        params.insert(name.to_owned(), value);
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let (b'%', Some(byte)) = (first, escaped) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
