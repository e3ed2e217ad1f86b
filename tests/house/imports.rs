//! The direction of imports: tests -> everything; src -> bot, worker, supervisor, console -> platform -> domain. Cargo keeps what
//! the manifests say; these tests keep the manifests.

use std::collections::BTreeSet;

use super::tree::{CRATES, all, none, production, text};

/// The crates that are one role each.
const ROLES: [&str; 4] = ["bot", "console", "supervisor", "worker"];

/// What `[dependencies]` of a manifest names, for every platform.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = header == "dependencies" || (header.starts_with("target.") && header.ends_with(".dependencies"));
            found.extend(header.strip_prefix("dependencies.").map(str::to_owned));
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            found.extend(line.split(['.', '=', ' ']).next().map(str::to_owned));
        }
    }
    found
}

fn dependencies_of(folder: &str) -> BTreeSet<String> {
    dependencies(&text(&format!("{folder}/Cargo.toml")))
}

fn ours(folder: &str) -> Vec<String> {
    dependencies_of(folder).into_iter().filter(|name| name.starts_with("agentlab")).collect()
}

#[test]
fn dependencies_are_read_from_a_manifest() {
    let manifest = "[package]\nname = 'x'\n[dependencies]\na.workspace = true\n# b = '1'\nc = { path = 'c' }\n\
                    [target.\"cfg(unix)\".dependencies]\nd = '1'\n[dev-dependencies]\ne = '1'\n[dependencies.f]\npath = 'f'";
    assert_eq!(dependencies(manifest).into_iter().collect::<Vec<_>>(), ["a", "c", "d", "f"]);
}

#[test]
fn the_domain_depends_on_serde_and_thiserror_only() {
    let found: Vec<String> = dependencies_of("domain").into_iter().collect();
    assert_eq!(
        found,
        ["serde", "thiserror"],
        "the domain has no I/O, no clock, no chance and no async: pass a value in"
    );
}

#[test]
fn platform_uses_the_domain_and_no_role() {
    assert_eq!(ours("platform"), ["agentlab-domain"], "what a role decides is passed to platform as a value");
}

#[test]
fn roles_use_platform_and_domain_and_never_one_another() {
    for role in ROLES {
        assert_eq!(
            ours(role),
            ["agentlab-domain", "agentlab-platform"],
            "{role}: roles talk through the database, files and pings, never through calls"
        );
    }
}

#[test]
fn every_crate_has_its_rule_here_and_none_ships_a_stand_in() {
    let manifest = text("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let known: BTreeSet<&str> = CRATES.into_iter().chain(["tests/stand-ins"]).collect();
    assert_eq!(members, known, "say in tests/house what a new crate may import");
    for manifest in CRATES.iter().map(|name| format!("{name}/Cargo.toml")).chain(["Cargo.toml".into()]) {
        assert!(!dependencies(&text(&manifest)).contains("agentlab-stand-ins"), "{manifest}: stand-ins are for tests");
    }
}

/// Where production code names a library although it is not one of the files that may.
fn strays(libraries: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let names = |line: &str| libraries.iter().any(|library| names(line, library));
    let sources = production().into_iter().filter(|source| !may(&source.path));
    sources
        .flat_map(|source| {
            let lines: Vec<usize> = source.code().filter(|(_, line)| names(line)).map(|(number, _)| number).collect();
            lines.into_iter().map(move |number| format!("{}:{number}", source.path))
        })
        .collect()
}

/// Whether a line of code names a library as a path: `library::…` or `use library…`.
fn names(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        let after = &line[at + library.len()..];
        before && (after.starts_with("::") || (line.contains("use ") && after.starts_with([';', ' ', ',', '}'])))
    })
}

#[test]
fn a_library_is_named_by_a_path_and_not_by_a_longer_word() {
    assert!(names("use apalis_core::{", "apalis_core") && names("    teloxide::requests::x()", "teloxide"));
    assert!(names("use sqlx as database;", "sqlx"));
    assert!(
        !names("\"info,sqlx=warn\"", "sqlx") && !names("our_sqlx::x()", "sqlx") && !names("crate::sqlx::x", "sqlx")
    );
}

#[test]
fn one_file_names_apalis() {
    none(
        &strays(&["apalis", "apalis_core", "apalis_sqlite"], |path| path == "platform/src/queue.rs"),
        "the queue library can be replaced in one file: use what platform::queue offers",
    );
}

#[test]
fn one_file_makes_requests_with_teloxide_and_one_reads_its_errors() {
    let (requests, errors) = ("bot/src/telegram.rs", "bot/src/fate.rs");
    let mut found = strays(&["teloxide"], |path| path == requests || path == errors);
    let is_request = |line: &str| REQUESTS.iter().any(|word| line.contains(word));
    for source in production().into_iter().filter(|source| source.path == errors) {
        let lines = source.code().filter(|(_, line)| is_request(line));
        found.extend(lines.map(|(number, line)| format!("{errors}:{number}: {}", line.trim())));
    }
    none(&found, "requests to the Bot API are made in bot/src/telegram.rs: use what it offers");
}

/// What of teloxide makes requests.
const REQUESTS: [&str; 5] = ["requests::", "payloads::", "Requester", "Bot::", "&Bot"];

#[test]
fn sql_lives_under_platform_db_only() {
    none(
        &strays(&["sqlx"], |path| path.starts_with("platform/src/db/") || path == "platform/src/queue.rs"),
        "another store must be able to stand behind the same functions: put the statement into platform/src/db",
    );
}

#[test]
fn only_the_command_line_and_tests_use_anyhow() {
    let manifests = all("toml").into_iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let found: Vec<String> =
        manifests.filter(|file| dependencies(&file.text).contains("anyhow")).map(|file| file.path).collect();
    none(&found, "an error that somebody may want to match on has a type (thiserror)");
}
