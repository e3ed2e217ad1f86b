//! Migrations are applied one after the other to a file that already holds data: a migration that only works on an empty
//! database fails here and not at a user's. The *sample* of a migration is what a system of that release would have
//! written: `samples/<version>.sql`, put in right after its migration.

use std::collections::BTreeSet;

use agentlab_platform::{db::migrate, queue};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::tree::{all, none, paths, text};

const SAMPLES: &str = "tests/house/samples/";

/// A database with every migration and every sample, and the folder that holds it.
pub(crate) async fn filled() -> (tempfile::TempDir, SqliteConnection) {
    filled_to(i64::MAX).await
}

/// The same as the release left it whose newest migration is this one.
pub(crate) async fn filled_to(last: i64) -> (tempfile::TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("agentlab.db"))
        .create_if_missing(true)
        .foreign_keys(true);
    let mut connection = options.connect().await.unwrap();
    queue::migrations().run(&mut connection).await.unwrap();
    let ours = migrate::ours();
    for migration in ours.iter().filter(|migration| migration.version <= last) {
        let version = migration.version;
        ours.run_to(version, &mut connection).await.unwrap_or_else(|error| panic!("migration {version}: {error}"));
        let sample = text(&format!("{SAMPLES}{version}.sql"));
        let put = sqlx::raw_sql(AssertSqlSafe(sample)).execute(&mut connection).await;
        put.unwrap_or_else(|error| panic!("the sample of migration {version}: {error}"));
    }
    (folder, connection)
}

/// The names of what kind (`table`, `view`) the schema has, without those of `SQLite`, sqlx and apalis.
async fn ours(connection: &mut SqliteConnection, kind: &str) -> Vec<String> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = ?1 ORDER BY name")
        .bind(kind)
        .fetch_all(connection)
        .await
        .unwrap();
    names
        .into_iter()
        .filter(|name| !["_sqlx", "sqlite_", "Jobs", "Workers"].iter().any(|own| name.starts_with(own)))
        .collect()
}

async fn count(connection: &mut SqliteConnection, from: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {from}"))).fetch_one(connection).await.unwrap()
}

async fn strings(connection: &mut SqliteConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(connection).await.unwrap()
}

#[test]
fn every_migration_has_its_sample_and_no_sample_is_left_over() {
    let versions: BTreeSet<String> = migrate::ours().iter().map(|migration| migration.version.to_string()).collect();
    let samples: BTreeSet<String> =
        paths().iter().filter_map(|path| path.strip_prefix(SAMPLES)?.strip_suffix(".sql").map(str::to_owned)).collect();
    assert_eq!(versions, samples, "left: migrations, right: {SAMPLES}VERSION.sql; write rows as that release would");
}

#[test]
fn migrations_only_expand() {
    let shrinks = ["DROP TABLE", "DROP COLUMN", "RENAME TO", "RENAME COLUMN", "DELETE FROM"];
    // apalis rebuilds its tables, and what others hung on them would be gone.
    let theirs = ["ALTER TABLE Jobs", "ALTER TABLE Workers", "ON Jobs", "ON Workers", "INTO Jobs", "INTO Workers"];
    let mut found = Vec::new();
    for file in all("sql").into_iter().filter(|file| file.path.starts_with("migrations/")) {
        let lines = file.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("--"));
        let wrong = lines.filter(|(_, line)| shrinks.iter().chain(&theirs).any(|words| line.contains(words)));
        found.extend(wrong.map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim())));
    }
    none(
        &found,
        "the previous release must run on the new schema, and apalis' tables are not ours: add, do not take away",
    );
}

#[tokio::test]
async fn all_migrations_apply_to_a_database_with_data_and_leave_it_sound() {
    let (_folder, mut connection) = filled().await;
    for table in ours(&mut connection, "table").await {
        assert!(count(&mut connection, &table).await > 0, "the samples put nothing into {table}");
    }
    assert_eq!(count(&mut connection, "pragma_foreign_key_check").await, 0, "foreign_key_check found something");
    assert_eq!(strings(&mut connection, "PRAGMA integrity_check").await, ["ok"]);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn migrations_that_were_applied_are_not_applied_again() {
    let (_folder, mut connection) = filled().await;
    let before = count(&mut connection, "_sqlx_migrations").await;
    queue::migrations().run(&mut connection).await.unwrap();
    migrate::ours().run(&mut connection).await.unwrap();
    assert_eq!(count(&mut connection, "_sqlx_migrations").await, before);
}

#[tokio::test]
async fn every_view_can_be_read_and_shows_something() {
    let (_folder, mut connection) = filled().await;
    let views = ours(&mut connection, "view").await;
    assert!(views.iter().any(|view| view == "v_owed"), "{views:?}");
    for view in views {
        assert!(count(&mut connection, &view).await > 0, "the samples show nothing in {view}");
    }
    assert_eq!(
        strings(&mut connection, "SELECT DISTINCT owed FROM v_owed ORDER BY owed").await,
        ["answer", "message", "outcome"]
    );
}

#[tokio::test]
async fn v_queue_says_of_every_task_where_it_is() {
    let (_folder, mut connection) = filled().await;
    let places: Vec<(i64, String)> =
        sqlx::query_as("SELECT task, place FROM v_queue ORDER BY task").fetch_all(&mut connection).await.unwrap();
    let places: Vec<(i64, &str)> = places.iter().map(|(task, place)| (*task, place.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "with worker-1"),
            (3, "behind another task of its chat"),
            (4, "not before 2099-01-01 00:00:00 UTC"),
            (5, "not before 2099-01-01 00:00:00 UTC"),
            (6, "waits for a person"),
            (10, "its directory is in use"),
            (11, "no worker follows its run"),
            (12, "next for a free worker"),
        ]
    );
}

#[tokio::test]
async fn every_view_is_documented_with_its_columns() {
    let (_folder, mut connection) = filled().await;
    let document = text("docs/SQL.md");
    let mut found = Vec::new();
    for view in ours(&mut connection, "view").await {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1) ORDER BY cid")
            .bind(&view)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let row =
            format!("| `{view}` | {} |", columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" "));
        if !document.contains(&row) {
            found.push(row);
        }
    }
    none(&found, "people query the views: docs/SQL.md must hold these beginnings of rows");
}

#[tokio::test]
async fn v_queue_says_that_everything_is_paused() {
    let (_folder, mut connection) = filled().await;
    let place = "SELECT DISTINCT place FROM v_queue WHERE task = 12";
    let pause = |until: &'static str| format!("UPDATE pause SET until = {until}");
    sqlx::raw_sql(AssertSqlSafe(pause("4070908800000"))).execute(&mut connection).await.unwrap();
    assert_eq!(strings(&mut connection, place).await, ["paused until 2099-01-01 00:00:00 UTC"]);
    sqlx::raw_sql(AssertSqlSafe(pause("NULL"))).execute(&mut connection).await.unwrap();
    assert_eq!(strings(&mut connection, place).await, ["paused"]);
}
