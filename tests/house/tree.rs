//! The files of the workspace, as the rules see them. Build output, hidden folders and installed packages are no part of
//! it.

use std::{fs, path::Path};

/// The workspace.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The folders whose `src` is production code, besides `src` itself.
pub const CRATES: [&str; 6] = ["bot", "console", "domain", "platform", "supervisor", "worker"];

/// A text file.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the workspace on, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// The lines that are no comment, with their numbers.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Every path of the workspace, folders too (these end with `/`).
pub fn paths() -> Vec<String> {
    let mut found = Vec::new();
    walk(Path::new(ROOT), "", &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') || ["target", "node_modules"].contains(&name.as_str()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            found.push(format!("{prefix}{name}/"));
            walk(&entry.path(), &format!("{prefix}{name}/"), found);
        } else {
            found.push(format!("{prefix}{name}"));
        }
    }
}

/// The text of a file of the workspace.
pub fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file with this extension.
pub fn all(extension: &str) -> Vec<Source> {
    let paths = paths().into_iter().filter(|path| path.rsplit_once('.').is_some_and(|(_, end)| end == extension));
    paths.map(|path| Source { text: text(&path), path }).collect()
}

/// Every Rust file of a production crate.
pub fn production() -> Vec<Source> {
    let is_production =
        |path: &str| path.starts_with("src/") || CRATES.iter().any(|name| path.starts_with(&format!("{name}/src/")));
    all("rs").into_iter().filter(|source| is_production(&source.path)).collect()
}

/// Fails with every finding, and with what to do about them.
pub fn none(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "{advice}\n  {}\n", findings.join("\n  "));
}
