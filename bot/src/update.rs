//! Reading an update. Only what we use is read, from the raw JSON: a field of a later Bot API that somebody's types do
//! not know must not cost us a message whose text is plain to see.

use agentlab_domain::{chat::Place, intake::Update};
use serde_json::Value;

/// The update's id; without one it cannot be confirmed by itself.
pub(crate) fn id(raw: &Value) -> Option<i64> {
    raw["update_id"].as_i64()
}

/// What the update is.
pub(crate) fn parse(raw: &Value) -> Update {
    if raw.get("unparsable").is_some() {
        return unparsable("its JSON is broken");
    }
    if let Some(message) = raw.get("message") {
        return match place_of(message) {
            Some((place, id)) => Update::Message { user: sender(message), place, message: id, text: text(message) },
            None => unparsable("a message without chat or id"),
        };
    }
    if let Some(message) = raw.get("edited_message") {
        return match place_of(message) {
            Some((place, id)) => Update::Edited { user: sender(message), place, message: id, text: text(message) },
            None => unparsable("an edited message without chat or id"),
        };
    }
    if let Some(query) = raw.get("callback_query") {
        return match query["id"].as_str() {
            Some(callback) => Update::Button {
                user: query["from"]["id"].as_i64(),
                place: place_of(&query["message"]).map(|(place, _)| place),
                callback: callback.to_owned(),
                data: query["data"].as_str().map(str::to_owned),
            },
            None => unparsable("a pressed button without an id"),
        };
    }
    match raw.as_object().and_then(|object| object.keys().find(|key| *key != "update_id")) {
        Some(kind) => Update::Other { kind: kind.clone() },
        None => unparsable("it holds nothing"),
    }
}

fn unparsable(why: &str) -> Update {
    Update::Unparsable { why: why.into() }
}

fn place_of(message: &Value) -> Option<(Place, i64)> {
    let chat = message["chat"]["id"].as_i64()?;
    // A thread id alone is only a chain of replies; a topic says so.
    let is_topic = message["is_topic_message"].as_bool().unwrap_or_default();
    let topic = message["message_thread_id"].as_i64().filter(|_| is_topic);
    Some((Place { chat, topic }, message["message_id"].as_i64()?))
}

/// A person; what a channel or an anonymous admin posts has a sender that is none.
fn sender(message: &Value) -> Option<i64> {
    message["from"]["id"].as_i64().filter(|_| message.get("sender_chat").is_none())
}

fn text(message: &Value) -> Option<String> {
    message["text"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_with_fields_that_nobody_knows_is_read() {
        let raw = json!({ "update_id": 1, "message": {
            "message_id": 9, "chat": { "id": 5, "type": "hologram" }, "from": { "id": 5 }, "text": "hi", "new_field": {} } });
        let expected = Update::Message {
            user: Some(5),
            place: Place { chat: 5, topic: None },
            message: 9,
            text: Some("hi".into()),
        };
        assert_eq!(parse(&raw), expected);
    }

    #[test]
    fn a_reply_chain_is_no_topic() {
        let message = |topic: bool| {
            json!({ "message": { "message_id": 9, "chat": { "id": -5 }, "from": { "id": 5 }, "text": "x",
                                 "message_thread_id": 3, "is_topic_message": topic } })
        };
        let topic = |raw: &Value| match parse(raw) {
            Update::Message { place, .. } => place.topic,
            other @ (Update::Edited { .. }
            | Update::Button { .. }
            | Update::Other { .. }
            | Update::Unparsable { .. }) => {
                panic!("{other:?}")
            }
        };
        assert_eq!(topic(&message(true)), Some(3));
        assert_eq!(topic(&message(false)), None);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_never_refused() {
        for raw in [
            json!({ "update_id": 1, "message": 7 }),
            json!({ "update_id": 1 }),
            json!("x"),
            json!({ "callback_query": {} }),
        ] {
            assert!(matches!(parse(&raw), Update::Unparsable { .. }), "{raw}");
        }
        assert_eq!(parse(&json!({ "update_id": 1, "poll": {} })), Update::Other { kind: "poll".into() });
        let channel = json!({ "message": { "message_id": 1, "chat": { "id": 1 }, "from": { "id": 5 }, "sender_chat": {}, "text": "x" } });
        assert!(matches!(parse(&channel), Update::Message { user: None, .. }));
    }
}
