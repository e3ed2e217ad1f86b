//! Inline spans: what takes precedence within one paragraph over bold and the like.
//!
//! An *atom* is a stretch of the paragraph whose inside makes no bold or italic: a code span, the brackets and
//! the address of a link, an image, a bare address, an escaped character. Code goes before links; a link's label
//! may hold bold and italic, but Telegram allows no code in a link, so there the backticks stay.
//!
//! What this does not do: reference links, link titles, relative links, `<autolinks>`, line breaks, HTML. These
//! stay as typed. It knows no blocks, and [`super::runs`] does the pairing.

use std::collections::BTreeMap;
use std::ops::Range;

use super::render::Marks;
use super::runs::pair;

/// The longest address that becomes a link.
const URL_LIMIT: usize = 2048;

/// Marks the spans of the paragraph at `range`.
pub(super) fn inline(source: &str, range: Range<usize>, marks: &mut Marks) {
    let text = source.get(range.clone()).unwrap_or_default();
    if !text.contains(['*', '_', '~', '`', '[']) {
        return;
    }
    let atoms = atoms(text);
    let mut found = Marks::default();
    pair(text, atoms, &mut found);
    let shift = |at: Range<usize>| at.start + range.start..at.end + range.start;
    marks.cuts.extend(found.cuts.into_iter().map(shift));
    marks.spans.extend(found.spans.into_iter().map(|(span, kind)| (shift(span), kind)));
}

/// A stretch of the paragraph that holds no runs.
pub(super) struct Atom {
    pub(super) range: Range<usize>,
    pub(super) kind: AtomKind,
}

pub(super) enum AtomKind {
    Verbatim,
    /// Code, with the length of the marker at each end.
    Code(usize),
    LinkOpen,
    LinkClose(String),
}

/// Finds what takes precedence over bold and the like, in order.
fn atoms(text: &str) -> Vec<Atom> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let ticks = tick_runs(bytes);
    let parens = parens(bytes);
    let mut atoms: Vec<Atom> = Vec::new();
    // Open brackets, and whether an exclamation mark stands before.
    let mut brackets: Vec<(usize, bool)> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let mut kind = AtomKind::Verbatim;
        let end = match byte(at) {
            b'\\' if byte(at + 1).is_ascii_punctuation() => at + 2,
            b'`' => {
                let count = run_length(bytes, at);
                let after = at + count;
                let close = ticks
                    .get(&count)
                    .and_then(|starts| starts.get(starts.partition_point(|start| *start < after)).copied());
                match close {
                    Some(close) if !text.get(after..close).unwrap_or_default().trim().is_empty() => {
                        kind = AtomKind::Code(count);
                        close + count
                    }
                    Some(close) => close + count,
                    None => after,
                }
            }
            b'h' | b'H' if at == 0 || !byte(at - 1).is_ascii_alphanumeric() => at + bare_url(bytes, at),
            b'[' => {
                brackets.push((at, at > 0 && byte(at - 1) == b'!'));
                at
            }
            b']' => match (brackets.pop(), parens.get(&(at + 1))) {
                (Some((open, image)), Some(&close)) => {
                    let inside = atoms.partition_point(|atom| atom.range.start < open);
                    let url = text.get(at + 2..close).unwrap_or_default();
                    let label = text.get(open + 1..at).unwrap_or_default();
                    if image {
                        atoms.truncate(inside);
                        atoms.push(Atom { range: open..close + 1, kind });
                        at = close + 1;
                        continue;
                    }
                    if is_public_url(url) && !label.trim().is_empty() {
                        brackets.clear();
                        for atom in atoms.iter_mut().skip(inside) {
                            atom.kind = AtomKind::Verbatim;
                        }
                        atoms.insert(inside, Atom { range: open..open + 1, kind: AtomKind::LinkOpen });
                        kind = AtomKind::LinkClose(url.to_owned());
                    }
                    close + 1
                }
                _ => at,
            },
            _ => at,
        };
        if end > at {
            atoms.push(Atom { range: at..end, kind });
        }
        at = end.max(at + 1);
    }
    atoms
}

/// The runs of backticks: their starts by their lengths.
fn tick_runs(bytes: &[u8]) -> BTreeMap<usize, Vec<usize>> {
    let mut runs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut at = 0;
    while at < bytes.len() {
        let count = if bytes.get(at) == Some(&b'`') { run_length(bytes, at) } else { 0 };
        if count > 0 {
            runs.entry(count).or_default().push(at);
        }
        at += count.max(1);
    }
    runs
}

/// The parentheses that hold no white space: the closing one by the opening one.
fn parens(bytes: &[u8]) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    let mut open = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => open.push(at),
            b')' => {
                if let Some(start) = open.pop() {
                    pairs.insert(start, at);
                }
            }
            byte if byte.is_ascii_whitespace() => open.clear(),
            _ => {}
        }
    }
    pairs
}

fn run_length(bytes: &[u8], at: usize) -> usize {
    let first = bytes.get(at);
    bytes.iter().skip(at).take_while(|byte| Some(*byte) == first).count()
}

/// The length of the address that begins here, without the punctuation after it; 0 when none does.
fn bare_url(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let scheme = scheme(rest);
    if scheme == 0 {
        return 0;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"<>\"`[]()|\\*".contains(byte);
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    let trails = |byte: &u8| !byte.is_ascii_punctuation() || b"/#=&%$+-".contains(byte);
    rest.iter().take(length).rposition(trails).map_or(scheme, |last| (last + 1).max(scheme))
}

/// The length of `http://` or `https://` here; 0 when neither is.
fn scheme(bytes: &[u8]) -> usize {
    let starts = |scheme: &&[u8]| bytes.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    [&b"http://"[..], &b"https://"[..]].iter().find(|scheme| starts(scheme)).map_or(0, |scheme| scheme.len())
}

/// Whether Telegram takes the address. For one whose host has no dot it refuses the whole message.
fn is_public_url(url: &str) -> bool {
    let scheme = scheme(url.as_bytes());
    let refused = |ch: char| ch.is_whitespace() || ch.is_control() || matches!(ch, '<' | '>' | '"' | '`' | '\\');
    if scheme == 0 || url.len() > URL_LIMIT || url.contains(refused) {
        return false;
    }
    let rest = url.get(scheme..).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let named = |ch: char| ch.is_alphanumeric() || matches!(ch, '.' | '-' | '_');
    host.contains('.')
        && host.chars().all(named)
        && host.split('.').all(|label| !label.is_empty())
        && port.is_none_or(|port| {
            port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0)
        })
}
