//! Telegram's checks of a text, its entities and its keyboard.
//!
//! An *entity* marks a part of the text (bold, code, a link) by offset and length in UTF-16 code units, which is also
//! how the length of a text is counted. White space around a text is cut off, as Telegram does, and entities move along.
//!
//! It finds no entities of its own in a text (links, mentions), as Telegram would.

use serde_json::Value;

use super::send::{Refused, bad};

const LONGEST: usize = 4096;
const KINDS: [&str; 19] = [
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
];
/// A button does exactly one of these.
const ACTIONS: [&str; 9] = [
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "pay",
];

pub(super) struct Text {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

pub(super) fn checked_text(params: &Value, too_long: &str) -> Result<Text, Refused> {
    if params.get("parse_mode").and_then(Value::as_str).is_some_and(|mode| !mode.is_empty()) {
        return Err(bad("can't parse entities: this stand-in reads no parse_mode, only entities"));
    }
    let text = params.get("text").and_then(Value::as_str).unwrap_or_default();
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut spans = Vec::new();
    for entity in params.get("entities").and_then(Value::as_array).into_iter().flatten() {
        spans.push(checked_entity(entity, &units)?);
    }
    spans.sort_by_key(|(from, to, _)| (*from, std::cmp::Reverse(*to)));
    let blank = |unit: &u16| u8::try_from(*unit).is_ok_and(|byte| byte.is_ascii_whitespace());
    let end = units.iter().rposition(|unit| !blank(unit)).map_or(0, |last| last + 1);
    if end == 0 {
        return Err(bad("message text is empty"));
    }
    // White space in front stays when an entity covers it.
    let first = spans.first().map_or(end, |(from, ..)| *from);
    let start = units.iter().position(|unit| !blank(unit)).unwrap_or(0).min(first);
    if end - start > LONGEST {
        return Err(bad(too_long));
    }
    let entities = spans.into_iter().filter_map(|(from, to, mut entity)| {
        let to = to.min(end);
        // Telegram drops entities that cover nothing.
        if from >= to {
            return None;
        }
        entity["offset"] = (from - start).into();
        entity["length"] = (to - from).into();
        Some(entity)
    });
    Ok(Text { entities: entities.collect(), text: String::from_utf16_lossy(&units[start..end]) })
}

fn checked_entity(entity: &Value, units: &[u16]) -> Result<(usize, usize, Value), Refused> {
    let refused = |why: String| bad(&format!("can't parse entities: {why}"));
    let kind = entity.get("type").and_then(Value::as_str).unwrap_or_default();
    if !KINDS.contains(&kind) {
        return Err(refused(format!("unsupported entity type \"{kind}\"")));
    }
    let wanted = match kind {
        "text_link" => Some("url"),
        "text_mention" => Some("user"),
        "custom_emoji" => Some("custom_emoji_id"),
        _ => None,
    };
    if let Some(field) = wanted.filter(|field| entity.get(*field).is_none()) {
        return Err(refused(format!("can't find field \"{field}\"")));
    }
    let number = |name: &str| {
        let value = entity.get(name).and_then(Value::as_u64).and_then(|value| usize::try_from(value).ok());
        value.filter(|value| *value <= 1_000_000).ok_or_else(|| refused(format!("incorrect {name} of an entity")))
    };
    let from = number("offset")?;
    let to = from + number("length")?;
    if to > units.len() {
        let length = units.len();
        return Err(refused(format!(
            "entity beginning at UTF-16 offset {from} ends after the end of the text at UTF-16 offset {length}"
        )));
    }
    let within_pair = |at: usize| units.get(at).is_some_and(|unit| (0xDC00..=0xDFFF).contains(unit));
    if within_pair(from) || within_pair(to) {
        return Err(refused(format!("entity at UTF-16 offset {from} begins or ends in a middle of a UTF-16 symbol")));
    }
    Ok((from, to, entity.clone()))
}

/// The keyboard, or `None` when it is absent or empty, which is the same to Telegram.
pub(super) fn checked_markup(params: &Value) -> Result<Option<Value>, Refused> {
    let Some(markup) = params.get("reply_markup").filter(|markup| !markup.is_null()) else { return Ok(None) };
    if !markup.is_object() {
        return Err(bad("object expected as reply markup"));
    }
    let Some(rows) = markup.get("inline_keyboard") else { return Ok(Some(markup.clone())) };
    let wrong = |what: &str| bad(&format!("can't parse inline keyboard button: {what}"));
    let mut count = 0;
    for row in
        rows.as_array().ok_or_else(|| bad("field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array"))?
    {
        for button in row.as_array().ok_or_else(|| wrong("a row must be an Array"))? {
            count += 1;
            if button.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(wrong("Can't find field \"text\""));
            }
            if ACTIONS.iter().filter(|action| button.get(**action).is_some()).count() != 1 {
                return Err(wrong("Text buttons are unallowed in the inline keyboard"));
            }
            let data = button.get("callback_data").map(|data| data.as_str().map_or(0, str::len));
            if data.is_some_and(|bytes| !(1..=64).contains(&bytes)) {
                return Err(bad("BUTTON_DATA_INVALID"));
            }
        }
    }
    Ok((count > 0).then(|| markup.clone()))
}
