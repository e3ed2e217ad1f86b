//! The words in Rust are the words in the CHECKs of the schema: a word that is missing on either side fails. Where a list has
//! no type in Rust, it is written down here, so that a new word is noticed.

use std::collections::BTreeMap;

use agentlab_domain::{
    alert,
    chat::Place,
    circuit::{self, Service},
    command::Command,
    crash,
    intake::Decision,
    intervention,
    isolation::Isolation,
    job,
    ladder::Rung,
    outcome::Outcome,
    retry::ParkedFor,
    role::Role,
    run,
    session::{self, Opened},
};
use agentlab_platform::alert::Channel;

use super::{
    migrations::filled,
    tree::{all, none, production},
};

/// Every `CHECK (column IN ('a', 'b'))` of these tables, by "table.column".
fn checks(sql: &str) -> BTreeMap<String, Vec<String>> {
    let sql: String = sql
        .replace("CREATE TABLE \"", "CREATE TABLE ")
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = BTreeMap::new();
    for table in sql.split("CREATE TABLE ").skip(1) {
        let name = table.split([' ', '(']).next().unwrap_or_default();
        // Up to the end of this statement: a view or a trigger behind it has lists of its own.
        let body = table.split(';').next().unwrap_or_default();
        for check in body.split("CHECK (").skip(1) {
            let Some((column, list)) = check.split_once(" IN (") else { continue };
            let list = list.split(')').next().unwrap_or_default();
            // Numbers are no words, and a condition over several columns is no list.
            if column.contains([' ', '(']) || !list.contains('\'') {
                continue;
            }
            let words = list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect();
            found.insert(format!("{name}.{column}"), words);
        }
    }
    found
}

/// The schema as it stands after every migration.
async fn schema() -> BTreeMap<String, Vec<String>> {
    let (_folder, mut connection) = filled().await;
    let ours =
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL AND name NOT IN ('Jobs', 'Workers')";
    let tables: Vec<String> = sqlx::query_scalar(ours).fetch_all(&mut connection).await.unwrap();
    checks(&tables.join(";\n"))
}

/// The word of every decision; the match makes a new one fail to compile until it is added.
fn decisions() -> Vec<&'static str> {
    let place = Place { chat: 1, topic: None };
    let text = String::new;
    let every = [
        Decision::Job { user: 1, place, message: 1, prompt: text() },
        Decision::Command { user: 1, place, message: 1, command: Command::Start },
        Decision::Edit { place, message: 1, prompt: text() },
        Decision::Stop { user: 1, place, number: 1, callback: text() },
        Decision::NoText { place, message: 1 },
        Decision::Stranger { user: 1 },
        Decision::Ignore { why: text() },
        Decision::Limited { place, message: 1, words: text() },
    ];
    for decision in &every {
        match decision {
            Decision::Job { .. }
            | Decision::Command { .. }
            | Decision::Edit { .. }
            | Decision::Stop { .. }
            | Decision::NoText { .. }
            | Decision::Stranger { .. }
            | Decision::Ignore { .. }
            | Decision::Limited { .. } => {}
        }
    }
    every.iter().map(Decision::word).collect()
}

/// Every list of words, as Rust has it.
fn words() -> BTreeMap<String, Vec<&'static str>> {
    let lists: [(&str, Vec<&str>); 30] = [
        ("job.state", job::State::ALL.map(job::State::as_str).to_vec()),
        (
            "job_past.state",
            job::State::ALL.into_iter().filter(|state| state.is_ended()).map(job::State::as_str).collect(),
        ),
        ("job.isolation", Isolation::ALL.map(Isolation::as_str).to_vec()),
        ("run.state", run::State::ALL.map(run::State::as_str).to_vec()),
        ("run.outcome", Outcome::WORDS.to_vec()),
        ("process.role", Role::ALL.map(Role::as_str).to_vec()),
        ("telegram_update.decision", decisions()),
        // Written as they are in platform/src/db; "page" waits for the web page.
        ("job.channel", vec!["telegram", "terminal", "page"]),
        ("outbox.kind", vec!["status", "part", "notice", "reply"]),
        ("outbox.state", vec!["pending", "sending", "delivered", "given_up"]),
        (
            "audit.action",
            vec![
                "stranger", "cancel", "retry", "session", "restart", "recover", "scale", "update", "rollback", "pause",
                "resume",
            ],
        ),
        ("session.state", session::State::ALL.map(session::State::as_str).to_vec()),
        ("run.opened", Opened::ALL.map(Opened::as_str).to_vec()),
        ("job.parked_for", ParkedFor::ALL.map(ParkedFor::as_str).to_vec()),
        ("hold.cause", vec!["usage_limit", "login"]),
        ("call.service", Service::ALL.map(Service::as_str).to_vec()),
        ("circuit.service", Service::ALL.map(Service::as_str).to_vec()),
        ("circuit.state", circuit::State::ALL.map(circuit::State::as_str).to_vec()),
        ("crash.kind", crash::Kind::ALL.map(crash::Kind::as_str).to_vec()),
        ("crash.role", Role::ALL.map(Role::as_str).to_vec()),
        ("recovery.role", Role::ALL.map(Role::as_str).to_vec()),
        ("recovery.rung", Rung::ALL.map(Rung::as_str).to_vec()),
        ("intervention.kind", intervention::Kind::ALL.map(intervention::Kind::as_str).to_vec()),
        ("intervention.role", Role::ALL.map(Role::as_str).to_vec()),
        ("intervention.state", intervention::State::ALL.map(intervention::State::as_str).to_vec()),
        ("control.key", vec!["workers"]),
        ("alert.rule", alert::Rule::ALL.map(alert::Rule::as_str).to_vec()),
        ("alert.severity", alert::Severity::ALL.map(alert::Severity::as_str).to_vec()),
        ("alert_delivery.channel", Channel::NAMES.to_vec()),
        ("alert_delivery.what", vec!["began", "over"]),
    ];
    lists.into_iter().map(|(name, words)| (name.to_owned(), words)).collect()
}

#[tokio::test]
async fn words_in_rust_are_the_words_in_sql() {
    let (schema, words) = (schema().await, words());
    let in_sql: Vec<&String> = schema.keys().collect();
    let in_rust: Vec<&String> = words.keys().collect();
    assert_eq!(in_sql, in_rust, "the lists of words: left in the schema, right in this test");
    for (list, rust) in &words {
        let (mut sql, mut rust) = (schema[list].clone(), rust.clone());
        sql.sort();
        rust.sort_unstable();
        assert_eq!(sql, rust, "{list}: left the CHECK in migrations, right the words in Rust");
    }
}

#[test]
fn lists_are_read_from_sql() {
    let sql = "CREATE TABLE a (\n x TEXT CHECK (x IN (\n 'one', 'two')), -- CHECK (z IN ('no'))\n n INTEGER CHECK (n IN (0, 1)),\n\
               CHECK ((y IS NULL) = (x IN ('one')))) STRICT;\nCREATE VIEW v AS SELECT 1 WHERE x IN ('three');";
    let found = checks(sql);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("a.x".to_owned(), vec!["one".to_owned(), "two".to_owned()])]);
}

#[test]
fn a_state_that_ended_in_rust_has_ended_in_sql() {
    let ended: Vec<&str> =
        job::State::ALL.into_iter().filter(|state| state.is_ended()).map(job::State::as_str).collect();
    let list = format!("'{}')", ended.join("', '"));
    let sql = all("sql").into_iter().filter(|file| file.path.starts_with("migrations/"));
    let rust = production().into_iter().filter(|file| file.path.starts_with("platform/src/db/"));
    let mut found = Vec::new();
    for file in sql.chain(rust) {
        let wrong = file.code().filter(|(_, line)| line.contains("'done'") && !line.contains(&list));
        found.extend(wrong.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())));
    }
    none(&found, &format!("the ended states are {list}, everywhere and in this order"));
}
