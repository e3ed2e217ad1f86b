//! A message that may stand there twice is *marked*: its first send was in doubt.

use agentlab_domain::{answer::Body, outbox::REPEAT_MARK, text::utf16_len};

/// The body, marked where it is a possible repeat.
pub(crate) fn marked(body: &Body, repeat: bool) -> Body {
    let mut body = body.clone();
    if repeat {
        body.rich.text.insert_str(0, REPEAT_MARK);
        for entity in &mut body.rich.entities {
            entity.offset += utf16_len(REPEAT_MARK);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use agentlab_domain::text;

    use super::*;

    #[test]
    fn a_repeat_is_marked_and_its_formatting_moves_along() {
        let body = Body { rich: text::render("a **b**"), stop: None };
        let twice = marked(&body, true);
        assert!(twice.rich.text.starts_with("(may be a repeat)"));
        assert_eq!(twice.rich.entities[0].offset, body.rich.entities[0].offset + utf16_len(REPEAT_MARK));
        assert_eq!(marked(&body, false), body);
    }
}
