//! Text as code, in Markdown: so that nothing in it is taken for markup, backticks neither.

/// A stretch of code within a line.
#[must_use]
pub fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    if text.contains('`') { format!("{fence} {text} {fence}") } else { format!("{fence}{text}{fence}") }
}

/// A block of code.
#[must_use]
pub fn code_block(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}\n{text}\n{fence}")
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{EntityKind, render};
    use super::*;

    #[test]
    fn what_is_made_code_is_rendered_as_just_that_code() {
        for text in ["cargo test", "*a* _b_ [c](https://d.e)", "echo `id`", "``", "a ``` b"] {
            let rich = render(&format!("x {} y", code(text)));
            assert!(rich.text.contains(text), "{text:?}: {rich:?}");
            assert!(rich.entities.iter().all(|entity| entity.kind == EntityKind::Code), "{text:?}: {rich:?}");
            assert_eq!(rich.entities.len(), 1, "{text:?}: {rich:?}");
        }
        for text in ["one\ntwo", "```\nfake\n```", "a\n````\nb", "**x**"] {
            let rich = render(&format!("x\n{}\ny", code_block(text)));
            assert!(rich.text.contains(text), "{text:?}: {rich:?}");
            assert_eq!(rich.entities.len(), 1, "{text:?}: {rich:?}");
        }
    }
}
