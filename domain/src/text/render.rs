//! Markdown to text with entities: the blocks (fences, headings, paragraphs) and the putting together.
//!
//! A *marker* is the piece of source that makes a span: the two asterisks around bold text, a fence line with its
//! info string, the brackets and the address of a link, the hashes of a heading. Rendering removes the markers of
//! the spans it turns into entities and keeps every other character, so nothing an agent wrote is lost. What it
//! doubts, it leaves as typed: an empty fence, an unmatched asterisk, a link Telegram would refuse.
//!
//! Lists, tables, quotes, rules, images, HTML and indented code stay as typed, apart from the inline spans in
//! them; backslashes stay too, though an escaped character is no marker.

use std::cmp::Reverse;
use std::ops::Range;

use super::inline::inline;
use super::{Entity, EntityKind, Rich};

/// What the parsers found, in byte offsets of the source.
#[derive(Default)]
pub(super) struct Marks {
    /// The markers; they never overlap.
    pub(super) cuts: Vec<Range<usize>>,
    /// The spans; two of them are apart or one holds the other.
    pub(super) spans: Vec<(Range<usize>, EntityKind)>,
}

/// Renders an agent's Markdown. Time grows with the length of the source, whatever it holds.
#[must_use]
pub fn render(markdown: &str) -> Rich {
    let mut marks = Marks::default();
    let mut fence: Option<Fence> = None;
    // The paragraph being read: inline spans may cross its lines, but not its end.
    let mut paragraph = 0..0;
    let mut at = 0;
    for line in markdown.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let content = line.trim_end_matches(['\n', '\r']);
        if let Some(open) = &fence {
            if open.is_closed_by(content) {
                open.mark(markdown, start, start + content.len(), &mut marks);
                fence = None;
            }
            paragraph = end..end;
            continue;
        }
        fence = Fence::open(content, start, end);
        let title = if fence.is_none() { title(content) } else { None };
        if fence.is_none() && title.is_none() && !content.trim().is_empty() {
            if starts_item(content) {
                inline(markdown, paragraph, &mut marks);
                paragraph = start..end;
            }
            paragraph.end = end;
            continue;
        }
        inline(markdown, paragraph, &mut marks);
        paragraph = end..end;
        if let Some(title) = title {
            let title = start + title.start..start + title.end;
            marks.cuts.push(start..title.start);
            if content.trim_end().len() > title.end - start {
                marks.cuts.push(title.end..start + content.len());
            }
            marks.spans.push((title.clone(), EntityKind::Bold));
            inline(markdown, title, &mut marks);
        }
    }
    match fence {
        Some(open) => open.mark(markdown, at, at, &mut marks),
        None => inline(markdown, paragraph, &mut marks),
    }
    assemble(markdown, marks)
}

/// A code block whose opening line has been read.
struct Fence {
    /// The opening line, without the newline when a list marker stands before the fence.
    cut: Range<usize>,
    /// Where the code begins.
    body: usize,
    mark: char,
    count: usize,
    indent: usize,
    language: Option<String>,
}

impl Fence {
    fn open(content: &str, start: usize, end: usize) -> Option<Self> {
        let unindented = content.trim_start();
        let fence = unindented.get(item_marker(unindented)..)?.trim_start();
        let mark = fence.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = fence.trim_start_matches(mark);
        let count = fence.len() - info.len();
        if count < 3 || (mark == '`' && info.contains('`')) {
            return None;
        }
        let indent = content.len() - fence.len();
        let cut =
            if content.len() - unindented.len() == indent { start..end } else { start + indent..start + content.len() };
        let named = |ch: &char| ch.is_alphanumeric() || matches!(ch, '+' | '-' | '_' | '#' | '.');
        let language: String = info.trim_start().chars().take_while(named).collect();
        Some(Self { cut, body: end, mark, count, indent, language: Some(language).filter(|name| !name.is_empty()) })
    }

    fn is_closed_by(&self, content: &str) -> bool {
        let fence = content.trim_start();
        let rest = fence.trim_start_matches(self.mark);
        fence.len() - rest.len() >= self.count
            && rest.trim().is_empty()
            && content.len() - fence.len() <= self.indent + 3
    }

    /// Marks the block, whose closing fence lies between `close` and `end`. A block without code is no block.
    fn mark(&self, source: &str, close: usize, end: usize, marks: &mut Marks) {
        let body = source.get(self.body..close).unwrap_or_default();
        let code = body.strip_suffix('\n').unwrap_or(body);
        let code = code.strip_suffix('\r').unwrap_or(code);
        if code.trim().is_empty() {
            return;
        }
        let code = self.body..self.body + code.len();
        marks.cuts.push(self.cut.clone());
        if end > close {
            marks.cuts.push(code.end..end);
        }
        marks.spans.push((code, EntityKind::Pre { language: self.language.clone() }));
    }
}

/// Where the words of an ATX heading stand in its line.
fn title(content: &str) -> Option<Range<usize>> {
    let unindented = content.trim_start_matches(' ');
    let words = unindented.trim_start_matches('#');
    let hashes = unindented.len() - words.len();
    if content.len() - unindented.len() > 3 || !(1..=6).contains(&hashes) || !words.starts_with([' ', '\t']) {
        return None;
    }
    let start = content.len() - words.trim_start().len();
    let words = words.trim();
    let open = words.trim_end_matches('#');
    let words = if open.len() < words.len() && (open.is_empty() || open.ends_with([' ', '\t'])) {
        open.trim_end()
    } else {
        words
    };
    (!words.is_empty()).then(|| start..start + words.len())
}

/// Whether the line begins a list item, a quote or a table row: inline spans don't cross into it.
fn starts_item(content: &str) -> bool {
    let unindented = content.trim_start();
    unindented.starts_with(['>', '|']) || item_marker(unindented) > 0
}

/// The length of the bullet or number of a list item that begins here; 0 when none does.
fn item_marker(line: &str) -> usize {
    let rest = line.trim_start_matches(|ch: char| ch.is_ascii_digit());
    let digits = line.len() - rest.len();
    let ends: &[char] = if digits == 0 { &['-', '*', '+'] } else { &['.', ')'] };
    match rest.strip_prefix(ends) {
        Some(after) if digits <= 9 && (after.is_empty() || after.starts_with([' ', '\t'])) => digits + 1,
        _ => 0,
    }
}

/// Removes the cuts and turns the spans into entities that Telegram accepts: without overlaps with code, without
/// white space at their ends, none within its like.
fn assemble(source: &str, mut marks: Marks) -> Rich {
    marks.cuts.sort_unstable_by_key(|cut| (cut.start, cut.end));
    let mut text = String::with_capacity(source.len());
    // The cuts, each with what has been removed before it.
    let mut cuts: Vec<(Range<usize>, usize)> = Vec::with_capacity(marks.cuts.len());
    let (mut kept, mut removed) = (0, 0);
    for cut in marks.cuts {
        text.push_str(source.get(kept..cut.start).unwrap_or_default());
        kept = cut.end;
        cuts.push((cut.clone(), removed));
        removed += cut.len();
    }
    text.push_str(source.get(kept..).unwrap_or_default());
    let map = |at: usize| match cuts.partition_point(|(cut, _)| cut.start < at).checked_sub(1) {
        Some(last) => cuts.get(last).map_or(at, |(cut, before)| at - before - (at.min(cut.end) - cut.start)),
        None => at,
    };

    let spans = marks.spans.into_iter().map(|(span, kind)| (map(span.start)..map(span.end), kind));
    let (mut code, mut soft): (Vec<_>, Vec<_>) = spans.partition(|(_, kind)| kind.is_code());
    code.sort_unstable_by_key(|(span, _)| span.start);
    soft.sort_by_key(|(span, kind)| (kind.rank(), span.start, Reverse(span.end)));
    let mut pieces: Vec<(Range<usize>, EntityKind)> = Vec::new();
    let mut last = (u8::MAX, 0);
    for (span, kind) in soft {
        if last.0 == kind.rank() && span.start < last.1 {
            continue;
        }
        last = (kind.rank(), span.end);
        let mut start = span.start;
        let first = code.partition_point(|(hole, _)| hole.end <= span.start);
        for (hole, _) in code.iter().skip(first).take_while(|(hole, _)| hole.start < span.end) {
            pieces.push((start..hole.start, kind.clone()));
            start = hole.end;
        }
        pieces.push((start..span.end, kind));
    }
    pieces.append(&mut code);

    let mut units = Vec::with_capacity(text.len() + 1);
    let mut unit = 0;
    for ch in text.chars() {
        units.extend(std::iter::repeat_n(unit, ch.len_utf8()));
        unit += ch.len_utf16();
    }
    let mut entities: Vec<Entity> = Vec::with_capacity(pieces.len());
    for (piece, kind) in pieces {
        let piece = if matches!(kind, EntityKind::Pre { .. }) { piece } else { trimmed(&text, piece) };
        let offset = units.get(piece.start).copied().unwrap_or(unit);
        let length = units.get(piece.end).copied().unwrap_or(unit).saturating_sub(offset);
        if length > 0 {
            entities.push(Entity { kind, offset, length });
        }
    }
    entities.sort_by_key(|entity| (entity.offset, Reverse(entity.length), entity.kind.rank()));
    Rich { text, entities }
}

fn trimmed(text: &str, piece: Range<usize>) -> Range<usize> {
    let words = text.get(piece.clone()).unwrap_or_default();
    let start = piece.end - words.trim_start().len();
    start..start + words.trim().len()
}
