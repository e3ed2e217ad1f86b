//! The runs of one paragraph and their pairing into bold, italic and struck-out spans.
//!
//! A *run* is a row of the same marker character. What stands on its two sides decides whether it can open or
//! close a span: as in `CommonMark`, but stricter, since an agent's prose is full of globs, powers, pointers and
//! names. A run of one is italic, of two bold (or struck out), of three both; longer ones are no markers, and
//! a run of one never pairs with a run of two.
//!
//! This does not look into code, links or addresses: [`super::inline`] says where those are.

use std::ops::Range;

use super::EntityKind;
use super::inline::{Atom, AtomKind};
use super::render::Marks;

/// A run that waits for its closing one.
struct Opener {
    mark: u8,
    at: usize,
    left: usize,
}

/// The openers of a paragraph, innermost last.
#[derive(Default)]
struct Stack {
    openers: Vec<Opener>,
    /// For each marker and length, how many openers are known not to fit: they are not looked at again.
    passed: [[usize; 3]; 3],
}

impl Stack {
    /// Takes the closest opener for a closing run with `left` markers, and forgets those after it. Gives where
    /// its inner markers stand.
    fn close(&mut self, mark: u8, left: usize) -> Option<Range<usize>> {
        let row = match mark {
            b'*' => 0,
            b'_' => 1,
            _ => 2,
        };
        let passed = self.passed.get_mut(row)?.get_mut(left.checked_sub(1)?)?;
        let fits = |opener: &Opener| opener.mark == mark && (opener.left == left || opener.left == 3 || left == 3);
        let Some(found) = self.openers.iter().skip(*passed).rposition(fits) else {
            *passed = self.openers.len();
            return None;
        };
        let keep = *passed + found;
        self.truncate(keep + 1);
        let opener = self.openers.last_mut()?;
        let used = opener.left.min(left).min(2);
        opener.left -= used;
        let start = opener.at + opener.left;
        if opener.left == 0 {
            self.truncate(keep);
        }
        Some(start..start + used)
    }

    fn truncate(&mut self, count: usize) {
        self.openers.truncate(count);
        for passed in self.passed.as_flattened_mut() {
            *passed = count.min(*passed);
        }
    }
}

/// Marks the code and links of `atoms`, and the spans the runs between them make.
pub(super) fn pair(text: &str, atoms: Vec<Atom>, marks: &mut Marks) {
    let mut stack = Stack::default();
    // The stack outside the link that is open, and where its label starts.
    let mut outside: Option<(Stack, usize)> = None;
    let mut at = 0;
    for atom in atoms {
        runs(text, at..atom.range.start, &mut stack, marks);
        at = atom.range.end;
        match atom.kind {
            AtomKind::Verbatim => {}
            AtomKind::Code(count) => code(text, atom.range, count, marks),
            AtomKind::LinkOpen => {
                outside = Some((std::mem::take(&mut stack), at));
                marks.cuts.push(atom.range);
            }
            AtomKind::LinkClose(url) => {
                if let Some((outer, label)) = outside.take() {
                    stack = outer;
                    marks.spans.push((label..atom.range.start, EntityKind::TextLink { url }));
                    marks.cuts.push(atom.range);
                }
            }
        }
    }
    runs(text, at..text.len(), &mut stack, marks);
}

/// Marks a code span: its markers are the backticks, and one space at each end if both are there.
fn code(text: &str, range: Range<usize>, count: usize, marks: &mut Marks) {
    let body = text.get(range.start + count..range.end - count).unwrap_or_default();
    let count = if body.starts_with(' ') && body.ends_with(' ') { count + 1 } else { count };
    let inner = range.start + count..range.end - count;
    marks.cuts.push(range.start..inner.start);
    marks.cuts.push(inner.end..range.end);
    marks.spans.push((inner, EntityKind::Code));
}

/// Pairs the runs within `range`.
fn runs(text: &str, range: Range<usize>, stack: &mut Stack, marks: &mut Marks) {
    let bytes = text.as_bytes();
    let mut at = range.start;
    while at < range.end {
        let mark = bytes.get(at).copied().unwrap_or(0);
        if !matches!(mark, b'*' | b'_' | b'~') {
            at += 1;
            continue;
        }
        let count = bytes.iter().skip(at).take_while(|byte| **byte == mark).count().min(range.end - at);
        let next = at + count;
        if count <= 3 && (mark != b'~' || count == 2) {
            let sides = Sides::of(text, at..next);
            let mut left = count;
            while left > 0 && sides.closes(mark, count) {
                let Some(open) = stack.close(mark, left) else { break };
                let close = next - left..next - left + open.len();
                let kind = match (mark, open.len()) {
                    (b'~', _) => EntityKind::Strikethrough,
                    (_, 2) => EntityKind::Bold,
                    _ => EntityKind::Italic,
                };
                marks.spans.push((open.end..close.start, kind));
                left -= open.len();
                marks.cuts.push(open);
                marks.cuts.push(close);
            }
            if left > 0 && sides.opens(mark, count) {
                stack.openers.push(Opener { mark, at: next - left, left });
            }
        }
        at = next;
    }
}

/// The characters around a run. At the ends of a paragraph there are none, which counts as white space.
struct Sides {
    before: char,
    after: char,
    /// The one behind `after`.
    beyond: char,
}

impl Sides {
    fn of(text: &str, run: Range<usize>) -> Self {
        let mut following = text.get(run.end..).unwrap_or_default().chars();
        Self {
            before: text.get(..run.start).and_then(|text| text.chars().next_back()).unwrap_or(' '),
            after: following.next().unwrap_or(' '),
            beyond: following.next().unwrap_or(' '),
        }
    }

    /// Whether a span can begin here: not before a space or a closing bracket, not in a word, and a single
    /// asterisk neither in a path nor before an extension.
    fn opens(&self, mark: u8, count: usize) -> bool {
        let Self { before, after, .. } = *self;
        if after.is_whitespace() || ",;:)]}".contains(after) {
            return false;
        }
        if mark == b'*' && count == 1 && matches!(after, '.' | '/') {
            return false;
        }
        match before {
            _ if before.is_whitespace() => true,
            'a'..='z' | 'A'..='Z' | '0'..='9' => mark != b'_' && !after.is_ascii() && after.is_alphanumeric(),
            '/' | '.' | '=' | '+' | '&' => mark != b'_' && count > 1 && after.is_alphanumeric(),
            _ if before.is_ascii() => "([{<\"'`*_~|>:,;!?-".contains(before),
            _ => mark != b'_' || !before.is_alphanumeric(),
        }
    }

    /// Whether a span can end here: not after a space, an opening bracket or a slash, not in a word; two
    /// asterisks may stand before the ending of a word.
    fn closes(&self, mark: u8, count: usize) -> bool {
        let Self { before, after, beyond } = *self;
        if before.is_whitespace() || "([{/".contains(before) {
            return false;
        }
        match after {
            _ if after.is_whitespace() => true,
            _ if mark == b'_' && after.is_alphanumeric() => false,
            '0'..='9' | 'a'..='z' | 'A'..='Z' => {
                before.is_alphanumeric() && (!before.is_ascii() || count > 1 && !after.is_ascii_digit())
            }
            '.' | ':' if mark == b'_' => !beyond.is_alphanumeric(),
            _ if after.is_ascii() && mark == b'_' => ")]}>\"'`*~|,;!?".contains(after),
            _ => true,
        }
    }
}
