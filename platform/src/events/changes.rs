//! What an agent changed in files, as its events tell: each call of a tool that edits, with what stood there and what stands there then.
//! It is what was asked for; whether the tool did it, and what a shell command changed, is not told by it.

use std::path::PathBuf;

use serde_json::Value;

use super::text;
use crate::tail::Tail;

/// Edits that are told at most, and characters of each side of one.
const MOST: usize = 200;
const LONGEST: usize = 4_000;

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub file: String,
    /// Empty where a file was written as a whole.
    pub removed: String,
    pub added: String,
}

/// The edits of a run, in their order; and whether there are more. Blocks the thread: the file may be large.
pub fn changes(events: PathBuf) -> (Vec<Change>, bool) {
    let (mut tail, mut changes) = (Tail::of(events), Vec::new());
    loop {
        let (lines, all) = tail.some();
        for line in lines.iter().filter(|line| line.contains("\"tool_use\"")) {
            changes.extend(serde_json::from_str::<Value>(line).iter().flat_map(of_event));
        }
        if all || changes.len() > MOST {
            let more = changes.len() > MOST;
            changes.truncate(MOST);
            return (changes, more);
        }
    }
}

fn of_event(event: &Value) -> Vec<Change> {
    let blocks = event["message"]["content"].as_array().into_iter().flatten();
    blocks.filter(|block| text(block, "type") == "tool_use").flat_map(|block| of_tool(&block["input"])).collect()
}

/// Tools are told by what they are given: `Write` a content, `Edit` an old and a new text, `MultiEdit` several.
fn of_tool(input: &Value) -> Vec<Change> {
    let file = ["file_path", "notebook_path"].iter().find_map(|key| input[*key].as_str());
    let Some(file) = file else { return Vec::new() };
    let change =
        |removed: &str, added: &str| Change { file: file.to_owned(), removed: cut(removed), added: cut(added) };
    if let Some(content) = input["content"].as_str().or_else(|| input["new_source"].as_str()) {
        return vec![change("", content)];
    }
    let several = input["edits"].as_array().map_or(std::slice::from_ref(input), Vec::as_slice);
    let edits = several.iter().filter(|edit| edit["new_string"].is_string());
    edits.map(|edit| change(text(edit, "old_string"), text(edit, "new_string"))).collect()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST { text.to_owned() } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_told_in_order_and_other_tools_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let tool = |input: &str| {
            format!(
                r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","name":"X","input":{input}}}]}}}}"#
            )
        };
        let lines = [
            tool(r#"{"file_path":"/p/a","content":"new"}"#),
            tool(r#"{"file_path":"/p/a"}"#),
            tool(r#"{"command":"rm b","content":"x"}"#),
            tool(r#"{"file_path":"/p/b","old_string":"one","new_string":""}"#),
            tool(
                r#"{"file_path":"/p/c","edits":[{"old_string":"1","new_string":"2"},{"old_string":"3","new_string":"4"}]}"#,
            ),
            "no \"tool_use\" of ours".to_owned(),
        ];
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let (found, more) = changes(path.clone());
        let found: Vec<_> = found.iter().map(|c| (c.file.as_str(), c.removed.as_str(), c.added.as_str())).collect();
        assert_eq!(found, [("/p/a", "", "new"), ("/p/b", "one", ""), ("/p/c", "1", "2"), ("/p/c", "3", "4")]);
        assert!(!more);
        std::fs::write(&path, vec![lines[0].as_str(); MOST + 1].join("\n") + "\n").unwrap();
        assert!(matches!(changes(path), (found, true) if found.len() == MOST));
        assert_eq!(changes(folder.path().join("none")), (Vec::new(), false));
    }

    #[test]
    fn the_recorded_events_of_the_cli_tell_what_was_written() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/claude-events.jsonl");
        let (found, _) = changes(path.into());
        assert!(found.iter().any(|change| change.file == "/srv/repo/z2.txt" && change.added == "hi\n"), "{found:?}");
    }
}
