//! Names and marks: a name says what is inside, and work that was put off stands in an issue, not in the code.

use super::tree::{all, none, paths};

/// Names that say nothing.
const EMPTY: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];
/// Marks of work that was put off.
const MARKS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];
/// Code that hides what is missing or unused.
const HIDING: [&str; 4] = ["#[ignore", "todo!(", "unimplemented!(", "allow(dead_code"];
/// This file has to name them.
const THIS: &str = "tests/house/names.rs";

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The module that a line declares.
fn module(line: &str) -> Option<&str> {
    let mut words = words(line.trim_start()).filter(|word| !["pub", "crate", "super", "in", ""].contains(word));
    (words.next() == Some("mod")).then(|| words.next().unwrap_or_default())
}

#[test]
fn every_name_says_what_is_inside() {
    let part_is_empty = |path: &String| {
        path.split('/').any(|part| EMPTY.contains(&part.split('.').next().unwrap_or_default().to_lowercase().as_str()))
    };
    let mut found: Vec<String> = paths().into_iter().filter(part_is_empty).collect();
    for source in all("rs") {
        let modules = source.code().filter(|(_, line)| module(line).is_some_and(|name| EMPTY.contains(&name)));
        found.extend(modules.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    none(&found, "name it after what it does; if that is two things, make two of it");
}

#[test]
fn a_declared_module_is_recognised() {
    assert_eq!(module("    pub(crate) mod util;"), Some("util"));
    assert_eq!(module("mod helpers {"), Some("helpers"));
    assert_eq!(module("let model = 1;"), None);
}

#[test]
fn nothing_is_put_off_in_the_code() {
    let mut found = Vec::new();
    for source in all("rs").into_iter().filter(|source| source.path != THIS) {
        for (index, line) in source.text.lines().enumerate() {
            let marked = words(line).any(|word| MARKS.contains(&word));
            // Without spaces, so that no spelling slips through.
            let bare: String = line.split_whitespace().collect();
            if marked || HIDING.iter().any(|hiding| bare.contains(hiding)) {
                found.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    none(&found, "do it now, or open an issue; a test that cannot pass here says so at run time, and unused code goes");
}
