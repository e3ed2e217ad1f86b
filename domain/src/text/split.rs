//! Cutting a rich text into messages.
//!
//! A *part* is what one message carries: the parts put together are the text again, character for character, and
//! an entity that crosses a cut goes on in the next part. A part ends after a blank line if there is one in the
//! second half of what fits, else after a line, else after a space, else where it is full.
//!
//! Telegram refuses a message that shows nothing, so parts end where each one shows something. Only a run of
//! white space about as long as the limit makes that impossible; then some part is blank ([`Rich::is_blank`]) and
//! the caller leaves it out. Splitting numbers no parts, repeats no headings and reopens nothing but entities.

use std::cmp::Reverse;

use super::{Entity, Rich, is_visible};

/// The shortest limit there is: a smaller one counts as this.
const LIMIT_FLOOR: usize = 16;

/// How good a place is for a cut, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Inside what shows as one character.
    Joined,
    Plain,
    Space,
    Line,
    BlankLine,
}

/// A boundary between two characters.
struct Edge {
    byte: usize,
    unit: usize,
    place: Place,
    /// Visible characters before it.
    shown: usize,
    /// Whether what follows can be cut so that every part shows something.
    sound: bool,
}

/// Cuts the text into parts of at most `limit` UTF-16 units; an empty text has none.
#[must_use]
pub fn split(rich: &Rich, limit: usize) -> Vec<Rich> {
    let limit = limit.max(LIMIT_FLOOR);
    let edges = edges(&rich.text, limit);
    let mut entities: Vec<&Entity> = rich.entities.iter().collect();
    entities.sort_by_key(|entity| (entity.offset, Reverse(entity.length)));
    let mut coming = entities.into_iter().peekable();
    let mut open: Vec<&Entity> = Vec::new();
    let mut parts = Vec::new();
    let mut start = 0;
    while let (Some(from), Some(end)) = (edges.get(start), best_end(&edges, start, limit)) {
        let Some(to) = edges.get(end) else { break };
        open.retain(|entity| entity.end() > from.unit);
        while let Some(entity) = coming.next_if(|entity| entity.offset < to.unit) {
            open.push(entity);
        }
        let pieces = open.iter().filter_map(|entity| {
            let offset = entity.offset.max(from.unit);
            let length = entity.end().min(to.unit).saturating_sub(offset);
            (length > 0).then(|| Entity { kind: entity.kind.clone(), offset: offset - from.unit, length })
        });
        parts.push(Rich {
            text: rich.text.get(from.byte..to.byte).unwrap_or_default().to_owned(),
            entities: pieces.collect(),
        });
        start = end;
    }
    parts
}

/// The best edge for the end of a part that starts at the edge `start`; `None` at the end of the text.
fn best_end(edges: &[Edge], start: usize, limit: usize) -> Option<usize> {
    let from = edges.get(start)?;
    if edges.last()?.unit - from.unit <= limit {
        let last = edges.len() - 1;
        return (last > start).then_some(last);
    }
    let fitting = edges.iter().enumerate().skip(start + 1).take_while(|(_, edge)| edge.unit - from.unit <= limit);
    let worth = |&(at, edge): &(usize, &Edge)| {
        let late = (edge.unit - from.unit) * 2 > limit;
        let place = if late { edge.place } else { edge.place.min(Place::Plain) };
        (edge.sound && edge.shown > from.shown, edge.sound, place, at)
    };
    fitting.max_by_key(worth).map(|(at, _)| at)
}

/// All boundaries of the text, the first before its first character.
fn edges(text: &str, limit: usize) -> Vec<Edge> {
    let mut edges = vec![Edge { byte: 0, unit: 0, place: Place::Plain, shown: 0, sound: false }];
    let (mut byte, mut unit, mut shown) = (0, 0, 0);
    let (mut flags, mut line_is_blank) = (0_usize, true);
    let mut chars = text.chars().peekable();
    while let Some(ch) = chars.next() {
        byte += ch.len_utf8();
        unit += ch.len_utf16();
        shown += usize::from(is_visible(ch));
        flags = if is_flag_half(ch) { flags + 1 } else { 0 };
        let joined = chars.peek().is_some_and(|next| {
            is_extender(*next)
                || ch == '\u{200d}'
                || (ch, *next) == ('\r', '\n')
                || flags % 2 == 1 && is_flag_half(*next)
        });
        let place = match ch {
            _ if joined => Place::Joined,
            '\n' if line_is_blank => Place::BlankLine,
            '\n' => Place::Line,
            _ if ch.is_whitespace() => Place::Space,
            _ => Place::Plain,
        };
        line_is_blank = ch == '\n' || line_is_blank && ch.is_whitespace();
        edges.push(Edge { byte, unit, place, shown, sound: false });
    }
    mark_sound(&mut edges, limit);
    edges
}

/// Works out, from the end, after which edges all parts can show something.
fn mark_sound(edges: &mut [Edge], limit: usize) {
    // The unit of the first sound edge at or after the first edge that has something more to show before it.
    let mut reach = None;
    // The unit of the first sound edge met so far, and the visible characters before the last edge met.
    let mut sound = None;
    let mut shown_after = None;
    for edge in edges.iter_mut().rev() {
        if shown_after.is_some_and(|after| after > edge.shown) {
            reach = sound;
        }
        edge.sound = shown_after.is_none() || reach.is_some_and(|reach| reach - edge.unit <= limit);
        if edge.sound {
            sound = Some(edge.unit);
        }
        shown_after = Some(edge.shown);
    }
}

/// One of the two characters that make a flag.
fn is_flag_half(ch: char) -> bool {
    matches!(ch, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Whether a character changes the one before it: the common marks, not all that Unicode knows.
fn is_extender(ch: char) -> bool {
    matches!(ch,
        '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}'
        | '\u{e0100}'..='\u{e01ef}' | '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{93c}' | '\u{93e}'..='\u{94d}' | '\u{e31}'
        | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::super::{EntityKind, plain, render, utf16_len};
    use super::*;

    #[test]
    fn parts_end_at_the_best_place() {
        let full = "x".repeat(20);
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("short", &["short"]),
            ("  \n", &["  \n"]),
            ("aaaa bb\n\ncc\ndd ee ff", &["aaaa bb\n\n", "cc\ndd ee ff"]),
            ("a\n\nbbbb cc\ndd ee ff", &["a\n\nbbbb cc\n", "dd ee ff"]),
            ("aaa\r\n\r\nbbb\r\n\r\nccc\r\n", &["aaa\r\n\r\nbbb\r\n\r\n", "ccc\r\n"]),
            ("one two three four", &["one two three ", "four"]),
            (&full, &["xxxxxxxxxxxxxxxx", "xxxx"]),
            // The end of the text stays with something to show.
            ("xxxxxxxxxxxxxxxx\n\n\n", &["xxxxxxxxxxxxxxx", "x\n\n\n"]),
            ("\n\n\n\n\n\n\n\n\n\n\n\nxxxxxxxxxx", &["\n\n\n\n\n\n\n\n\n\n\n\nxxxx", "xxxxxx"]),
            // No pair of surrogates, no joined emoji and no letter with its accent is torn.
            ("xxxxxxxxxxxxxxx😀yz", &["xxxxxxxxxxxxxxx", "😀yz"]),
            ("xxxxxxxxxxxxx👩\u{200d}🔬yz", &["xxxxxxxxxxxxx", "👩\u{200d}🔬yz"]),
            ("xxxxxxxxxxxxxxxe\u{301}yz", &["xxxxxxxxxxxxxxx", "e\u{301}yz"]),
            ("xxxxxxxxxxxxxx🇺🇦🇺🇦", &["xxxxxxxxxxxxxx", "🇺🇦🇺🇦"]),
        ];
        for (text, expected) in cases {
            let parts: Vec<String> = split(&plain(text), 16).into_iter().map(|part| part.text).collect();
            assert_eq!(&parts, expected, "{text:?}");
        }
    }

    #[test]
    fn entities_go_on_in_the_next_part() {
        let rich = render("```rust\nlet a = 1;\nlet b = 2;\n```\n**bold**");
        let shown: Vec<_> = split(&rich, 16)
            .iter()
            .map(|part| {
                let entities = part.entities.iter().map(|entity| (entity.kind.clone(), entity.offset, entity.length));
                (part.text.clone(), entities.collect::<Vec<_>>())
            })
            .collect();
        let pre = EntityKind::Pre { language: Some("rust".to_owned()) };
        assert_eq!(
            shown,
            [
                ("let a = 1;\n".to_owned(), vec![(pre.clone(), 0, 11)]),
                ("let b = 2;\nbold".to_owned(), vec![(pre, 0, 10), (EntityKind::Bold, 11, 4)]),
            ]
        );
    }

    #[test]
    fn only_a_gap_as_long_as_the_limit_leaves_a_blank_part() {
        let parts = split(&plain(&format!("a{}b", " ".repeat(40))), 16);
        assert!(parts.iter().all(|part| (1..=16).contains(&utf16_len(&part.text))));
        assert_eq!(parts.iter().filter(|part| part.is_blank()).count(), 1);
        assert!(split(&plain(&format!("a{}b", " ".repeat(30))), 16).iter().all(|part| !part.is_blank()));
    }
}
