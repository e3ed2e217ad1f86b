//! A batch of updates whose JSON strict readers refuse (half a character, a number out of range): taken apart by hand, so
//! that one broken update does not hold up the others for as long as Telegram keeps it (rule I3).
//!
//! An *element* is the text of one update. This reads no further than where it begins and ends; what is in it is read by
//! the ordinary reader, and what that refuses is kept as text with its id.

use serde_json::{Value, json};

/// The updates of an answer that could not be read as a whole; `None` where it is no whole answer (then ask again).
pub(crate) fn apart(raw: &str) -> Option<Vec<Value>> {
    let list = raw.trim().strip_suffix('}')?.strip_prefix('{')?.trim();
    let result = list.find("\"result\"")?;
    let array = list.get(result + "\"result\"".len()..)?.trim_start().strip_prefix(':')?.trim_start();
    Some(elements(array.strip_prefix('[')?)?.into_iter().map(one).collect())
}

fn one(text: &str) -> Value {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&whole_characters(text)))
        .unwrap_or_else(|_| json!({ "update_id": id(text), "unparsable": text }))
}

/// The elements of an array whose opening bracket has been read.
fn elements(array: &str) -> Option<Vec<&str>> {
    let (mut found, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in array.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b']' if depth == 0 => {
                let last = array.get(begin..at)?.trim();
                found.extend((!last.is_empty()).then_some(last));
                return Some(found);
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                found.push(array.get(begin..at)?.trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// The text with every escaped half of a character replaced by the sign for one that cannot be shown.
fn whole_characters(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        whole.push_str(before);
        let length = match unit(escape) {
            Some(0xD800..=0xDBFF) if matches!(escape.get(6..).and_then(unit), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                whole.push('\u{FFFD}');
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            Some(_) => 6,
            None => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        whole.push_str(kept);
        rest = after;
    }
    whole.push_str(rest);
    whole
}

/// The UTF-16 unit of an escape such as `\u00e4` at the beginning of `text`.
fn unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// The number behind the first `"update_id"`.
fn id(text: &str) -> Option<i64> {
    let after = text.split_once("\"update_id\"")?.1.trim_start().strip_prefix(':')?.trim_start();
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_update_is_kept_with_its_id_and_the_others_are_read() {
        let raw = r#"{"ok":true,"result":[{"update_id":1,"message":{"text":"a ] , \" \ud800 \ud83d\ude00 b"}},
            {"update_id": 2,"edited_message":{"message_id":1e999}}, "no object" ,{"update_id":3,"x":[1,[2]]}]}"#;
        let updates = apart(raw).unwrap();
        assert_eq!(updates.len(), 4, "{updates:?}");
        assert_eq!(updates[0]["message"]["text"], "a ] , \" \u{FFFD} 😀 b");
        assert_eq!((updates[1]["update_id"].as_i64(), updates[1]["unparsable"].is_string()), (Some(2), true));
        assert_eq!(updates[2], "no object");
        assert_eq!(updates[3]["x"][1][0], 2);
    }

    #[test]
    fn an_answer_that_was_cut_is_no_batch() {
        let whole = r#"{"ok":true,"result":[{"update_id":1,"m":"x\\"}]}"#;
        assert_eq!(apart(whole).unwrap().len(), 1);
        for end in 0..whole.len() - 1 {
            assert_eq!(apart(&whole[..end]), None, "{}", &whole[..end]);
        }
        assert_eq!(apart(r#"{"ok":true,"result":[]}"#), Some(Vec::new()));
        assert_eq!(apart("<html>502</html>"), None);
    }
}
