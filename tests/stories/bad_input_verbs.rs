//! Bad input to the verbs: wrong usage, numbers that are nobody's, statements that would write.

use serde_json::json;

use crate::world::World;

#[test]
fn wrong_usage_is_exit_code_2_and_shows_the_usage() {
    let world = World::new();
    let asks: [&[&str]; 11] = [
        &[],
        &["frobnicate"],
        &["--frobnicate"],
        &["ask"],
        &["job"],
        &["job", "first"],
        &["cancel"],
        &["sql"],
        &["worker"],
        &["worker", "--slot", "0"],
        &["worker", "--slot", "17"],
    ];
    for ask in asks {
        let ended = world.run(ask);
        assert_eq!(ended.code, Some(2), "{ask:?}: {ended:?}");
        assert!(ended.stderr.contains("--help") || ended.stderr.contains("Usage:"), "{ask:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{ask:?}");
    }
    let empty = world.run(&["ask", "  \n"]);
    assert_eq!(empty.code, Some(2), "{empty:?}");
    assert_eq!(empty.stderr, "agentlab: the task is empty: write what is to be done");
    // Larger than an argument may be: from standard input, where the world gives nothing.
    let nothing = world.run(&["ask", "-"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 0, "nothing was accepted");
}

#[test]
fn a_task_that_is_not_there_is_said_to_be_none() {
    let world = World::new();
    for ask in [["job", "999"], ["cancel", "999"], ["logs", "999"], ["job", "0"]] {
        let ended = world.run(&ask);
        assert_eq!(ended.code, Some(1), "{ask:?}: {ended:?}");
        assert_eq!(ended.stderr, format!("agentlab: there is no task {}", ask[1]));
        assert_eq!(ended.stdout, "", "{ask:?}");
    }
    // A minus sign looks like an option.
    assert_eq!(world.run(&["job", "-1"]).code, Some(2));
}

#[test]
fn a_task_that_has_ended_cannot_be_cancelled() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: x]]"]).code, Some(0));
    let ended = world.run(&["cancel", "1"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr, "agentlab: task 1 has ended before (done)");
    assert_eq!(world.sql("SELECT state FROM job"), [json!({ "state": "done" })]);
}

#[test]
fn sql_only_reads_whatever_is_written() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: x]]"]).code, Some(0));
    let statements = [
        "DELETE FROM job",
        "UPDATE job SET prompt = ''",
        "DROP TABLE job",
        "INSERT INTO meta (key, value) VALUES ('a', 'b')",
        "SELECT 1; DELETE FROM job",
        "PRAGMA query_only = 0; DELETE FROM job",
        "BEGIN IMMEDIATE; DELETE FROM job; COMMIT",
        "VACUUM INTO 'copy.db'",
        "WITH x AS (SELECT 1) DELETE FROM job",
    ];
    for statement in statements {
        let ended = world.run(&["sql", statement]);
        assert_eq!(ended.code, Some(1), "{statement}: {ended:?}");
        assert!(ended.stderr.contains("read only") || ended.stderr.contains("readonly"), "{statement}: {ended:?}");
    }
    assert_eq!(world.sql("SELECT prompt FROM job"), [json!({ "prompt": "[[say: x]]" })]);
    assert_eq!(world.count("SELECT COUNT(*) FROM meta WHERE key = 'a'"), 0);
    assert!(!world.path("user/copy.db").exists());
}

#[test]
fn sql_that_is_none_says_where() {
    let world = World::new();
    for (statement, words) in
        [("SELECT FROM", "near \"FROM\": syntax error"), ("SELECT * FROM jobz", "no such table: jobz")]
    {
        let ended = world.run(&["sql", statement]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.stderr.starts_with("agentlab: the database refused: ") && ended.stderr.contains(words),
            "{ended:?}"
        );
        assert_eq!(ended.stdout, "");
    }
}
