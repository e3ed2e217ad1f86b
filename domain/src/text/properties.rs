//! What holds for any text, rendered and split.
//!
//! The texts are *rough*: made of the pieces Markdown and Unicode are troubled by, put together by chance.

use proptest::prelude::*;

use super::{Entity, EntityKind, Rich, is_visible, plain, render, split, utf16_len};

/// Whether the characters of `part` stand in `whole` in the same order.
fn is_subsequence(part: impl IntoIterator<Item = char>, whole: impl IntoIterator<Item = char>) -> bool {
    let mut whole = whole.into_iter();
    part.into_iter().all(|ch| whole.any(|other| other == ch))
}

/// The letters and digits that must survive: all but those after a fence on its line and in link addresses.
fn essential(source: &str) -> Vec<char> {
    let mut letters = Vec::new();
    for line in source.split('\n') {
        let fence = ["```", "~~~"].into_iter().filter_map(|fence| line.find(fence)).min();
        let line = match fence.and_then(|at| line.get(..at)) {
            Some(prefix) if !prefix.contains(|ch: char| ch.is_alphabetic()) => prefix,
            _ => line,
        };
        for (nth, piece) in line.split("](http").enumerate() {
            let kept = if nth == 0 { piece } else { piece.split_once(')').map_or("", |(_, kept)| kept) };
            letters.extend(kept.chars().filter(|ch| ch.is_alphanumeric()));
        }
    }
    letters
}

fn unit_offsets(text: &str) -> Vec<usize> {
    let steps = text.chars().map(char::len_utf16);
    std::iter::once(0)
        .chain(steps.scan(0, |unit, step| {
            *unit += step;
            Some(*unit)
        }))
        .collect()
}

/// Checks what Telegram asks of entities.
fn check_entities(rich: &Rich, trimmed: bool) {
    let offsets = unit_offsets(&rich.text);
    let text: Vec<char> = rich.text.chars().collect();
    for (nth, entity) in rich.entities.iter().enumerate() {
        let start = offsets.binary_search(&entity.offset).expect("starts between characters");
        let end = offsets.binary_search(&entity.end()).expect("ends between characters");
        assert!(start < end, "empty: {entity:?}");
        let tight = !text[start].is_whitespace() && !text[end - 1].is_whitespace();
        assert!(!trimmed || matches!(entity.kind, EntityKind::Pre { .. }) || tight, "white space: {entity:?}");
        for later in &rich.entities[nth + 1..] {
            assert!((later.offset, usize::MAX - later.length) >= (entity.offset, usize::MAX - entity.length));
            let apart = later.offset >= entity.end();
            assert!(apart || later.end() <= entity.end(), "partial overlap: {entity:?} {later:?}");
            assert!(apart || !entity.kind.is_code() && !later.kind.is_code(), "in code: {entity:?} {later:?}");
        }
    }
}

/// Whether some cutting leaves no part blank, tried the slow way.
fn can_all_show(text: &str, limit: usize) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let offsets = unit_offsets(text);
    let mut sound = vec![false; chars.len() + 1];
    sound[chars.len()] = true;
    for start in (0..chars.len()).rev() {
        let fits = |end: &usize| offsets[*end] - offsets[start] <= limit;
        sound[start] = (start + 1..=chars.len())
            .take_while(fits)
            .any(|end| sound[end] && chars[start..end].iter().any(|ch| is_visible(*ch)));
    }
    sound[0]
}

fn check_parts(rich: &Rich, limit: usize) {
    let parts = split(rich, limit);
    assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), rich.text);
    let mut joined: Vec<Entity> = Vec::new();
    let mut before = 0;
    for part in &parts {
        let length = utf16_len(&part.text);
        assert!((1..=limit).contains(&length), "{length} units");
        check_entities(part, false);
        for entity in &part.entities {
            let offset = entity.offset + before;
            let same = |other: &&mut Entity| other.kind == entity.kind && other.end() == offset && offset == before;
            match joined.iter_mut().find(same) {
                Some(first) => first.length += entity.length,
                None => joined.push(Entity { offset, ..entity.clone() }),
            }
        }
        before += length;
    }
    let units = |entities: &[Entity]| entities.iter().map(|entity| entity.length).sum::<usize>();
    assert_eq!(units(&joined), units(&rich.entities));
    assert!(joined.len() <= rich.entities.len());
    if can_all_show(&rich.text, limit) {
        assert!(parts.iter().all(|part| !part.is_blank()), "a blank part: {parts:?}");
    }
}

/// Texts made of what Markdown and Unicode are troubled by.
fn rough_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```",
        "~~~",
        "```rust\n",
        "\n```\n",
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "   ",
        "                  ",
        "\t",
        "a",
        "b1",
        "word",
        "слово",
        "漢字",
        "🙂",
        "👨\u{200d}👩\u{200d}👧",
        "🇺🇦",
        "e\u{301}",
        "\u{200b}",
        "[",
        "]",
        "](https://e.org/x_y)",
        "](http://x)",
        "(",
        ")",
        "# ",
        "- ",
        "> ",
        "| ",
        "1. ",
        "\\",
        "/",
        ".",
        ":",
        "!",
        "https://a.b/_c_",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_renders_and_splits(source in prop_oneof![4 => rough_text(), 1 => any::<String>()], limit in 16_usize..48) {
        let rich = render(&source);
        check_entities(&rich, true);
        prop_assert!(is_subsequence(rich.text.chars(), source.chars()), "made up: {:?}", rich.text);
        let letters = rich.text.chars().filter(|ch| ch.is_alphanumeric());
        prop_assert!(is_subsequence(essential(&source), letters), "lost: {:?}", rich.text);
        check_parts(&rich, limit);
        check_parts(&plain(&source), limit);
        prop_assert_eq!(plain(&plain(&source).text), plain(&source));
    }
}
