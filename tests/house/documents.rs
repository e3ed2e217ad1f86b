//! Documents that stay true: what they name exists. A path stands in backquotes from the workspace on; after a path, the names
//! in the same cell of a table are found in that file.

use std::path::Path;

use super::tree::{ROOT, Source, all, none, production, text};

/// The pieces of a line that stand in backquotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a word is a path of ours: it has a folder that is there, and an extension that our files have.
fn is_path(word: &str) -> bool {
    let ours = ["bot", "console", "domain", "platform", "supervisor", "worker", "src", "migrations", "tests", "docs"];
    let folder = word.split('/').next().unwrap_or_default();
    let file = [".rs", ".sql", ".md", ".toml"].iter().any(|end| word.ends_with(end));
    file && word.contains('/') && ours.contains(&folder) && !word.contains(['*', ' ', '<'])
}

fn exists(path: &str) -> bool {
    Path::new(ROOT).join(path).exists()
}

fn documents() -> Vec<Source> {
    all("md")
}

#[test]
fn every_link_leads_somewhere() {
    let mut found = Vec::new();
    for document in documents() {
        let folder = Path::new(&document.path).parent().unwrap();
        for (index, line) in document.text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = target.split('#').next().unwrap_or_default();
                if !target.is_empty() && !target.contains("://") && !exists(&folder.join(target).to_string_lossy()) {
                    found.push(format!("{}:{}: {target}", document.path, index + 1));
                }
            }
        }
    }
    none(&found, "these links lead nowhere");
}

#[test]
fn every_file_that_a_document_names_is_there_and_holds_what_it_is_named_for() {
    let mut found = Vec::new();
    for document in documents() {
        for (index, line) in document.text.lines().enumerate() {
            let mut file: Option<(&str, String)> = None;
            let at = |what: &str| format!("{}:{}: {what}", document.path, index + 1);
            for word in quoted(line) {
                if is_path(word) {
                    file = None;
                    if exists(word) {
                        file = Some((word, text(word)));
                    } else {
                        found.push(at(word));
                    }
                } else if let Some((path, text)) = file.as_ref().filter(|_| line.starts_with('|')) {
                    let name = word.trim_end_matches("()").rsplit("::").next().unwrap_or_default();
                    if !text.contains(name) {
                        found.push(at(&format!("{path} has no {name}")));
                    }
                }
            }
        }
    }
    none(&found, "the documents name what is not there: correct them together with the code");
}

/// The first cells of the table below this heading of the README, without backquotes.
fn first_cells(heading: &str) -> Vec<String> {
    let readme = text("README.md");
    let section = readme.split(&format!("## {heading}\n")).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default().to_owned();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| quoted(row).next().map(str::to_owned)).collect()
}

/// The sections and keys of the configuration, read from the fields of its structs.
fn keys() -> Vec<String> {
    let sources: Vec<Source> =
        production().into_iter().filter(|source| source.path.starts_with("platform/src/config/")).collect();
    let mut keys = Vec::new();
    let mut section = None;
    for (_, line) in sources.iter().flat_map(Source::code) {
        if let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.split(' ').next()) {
            section = match name {
                "Config" | "Place" => None,
                "Project" => Some("projects.NAME".to_owned()),
                // Sections of a section.
                name @ ("Email" | "Sms" | "Webhook") => Some(format!("alerts.{}", name.to_lowercase())),
                name => Some(name.to_lowercase()),
            };
        } else if let Some((name, kind)) = line.strip_prefix("    pub ").and_then(|rest| rest.split_once(": "))
            && let Some(section) = &section
            && !name.contains('(')
            && !["Option<Email>", "Option<Sms>", "Option<Webhook>"].contains(&kind.trim_end_matches(','))
        {
            keys.push(format!("{section}.{name}"));
        }
    }
    keys
}

#[test]
fn the_readme_lists_every_key_of_the_configuration_and_no_other() {
    let (mut documented, mut keys) = (first_cells("Configuration"), keys());
    documented.sort();
    keys.sort();
    assert_eq!(documented, keys, "left: README.md, right: platform/src/config");
}

#[test]
fn the_readme_lists_every_verb_and_no_other() {
    let source = text("src/args.rs");
    let verbs = source.split("pub enum Verb {").nth(1).unwrap().split("\n}").next().unwrap();
    let mut verbs_of_code: Vec<String> = Vec::new();
    let mut hidden = false;
    for line in verbs.lines().filter_map(|line| line.strip_prefix("    ")) {
        if line.starts_with("#[command(hide = true") {
            hidden = true;
        } else if line.starts_with(char::is_uppercase) {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
            if !std::mem::take(&mut hidden) {
                verbs_of_code.push(name.to_lowercase());
            }
        }
    }
    let mut documented: Vec<String> =
        first_cells("Verbs").iter().filter_map(|cell| cell.split_whitespace().next().map(str::to_owned)).collect();
    documented.sort();
    verbs_of_code.sort();
    assert_eq!(documented, verbs_of_code, "left: README.md, right: src/args.rs");
}
