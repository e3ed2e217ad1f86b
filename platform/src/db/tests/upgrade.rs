//! A database of an earlier schema that is opened: a backup first, and nothing changed without one.

use std::fs;

use agentlab_domain::backup::Reason;

use super::*;
use crate::{backup, lock::Lock, lock::Mode, queue};

const EARLIER: i64 = 20_261_122_000_016;

/// A home that a release of an earlier schema has worked in.
async fn earlier() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    let db = Db::as_it_is(&home).unwrap();
    queue::migrations().run(&db.full).await.unwrap();
    migrate::ours().run_to(EARLIER, &db.full).await.unwrap();
    sqlx::query("INSERT INTO tally (name, labels, value) VALUES ('kept', '{}', 7)").execute(&db.full).await.unwrap();
    db.full.close().await;
    (folder, home)
}

/// The newest migration, and the number that was kept, of what is at this place.
async fn found(path: &std::path::Path) -> (i64, i64) {
    let pool = pool(path, SqliteSynchronous::Normal, 1);
    let found =
        sqlx::query_as("SELECT MAX(version), (SELECT value FROM tally WHERE name = 'kept') FROM _sqlx_migrations")
            .fetch_one(&pool)
            .await
            .unwrap();
    pool.close().await;
    found
}

fn newest() -> i64 {
    migrate::ours().iter().map(|migration| migration.version).max().unwrap()
}

#[tokio::test]
async fn a_fresh_database_is_made_without_a_backup_and_a_current_one_is_opened_without_one() {
    let (_folder, db) = fresh().await;
    Db::open(db.home()).await.unwrap();
    assert_eq!(backup::all(db.home()), []);
}

#[tokio::test]
async fn an_earlier_schema_is_copied_as_it_was_before_it_is_changed() {
    let (_folder, home) = earlier().await;
    // Several processes start at once: one of them does it.
    let opened = futures::future::join_all((0..3).map(|_| Db::open(&home))).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let backups = backup::all(&home);
    assert_eq!(backups.iter().map(|backup| backup.reason).collect::<Vec<_>>(), [Reason::Schema(newest())]);
    assert_eq!(found(&home.backups().join(&backups[0].name).join(backup::DATABASE)).await, (EARLIER, 7));
    assert_eq!(found(&home.database()).await, (newest(), 7));
}

#[tokio::test]
async fn without_a_backup_nothing_is_changed_and_the_refusal_says_what_to_do() {
    let (_folder, home) = earlier().await;
    fs::write(home.backups(), "in the way").unwrap();
    let error = Db::open(&home).await.unwrap_err();
    assert!(matches!(error, DbError::NoBackup { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("Nothing was changed") && words.contains("backups"), "{words}");
    assert_eq!(crate::life::Refusal::from(error).code, agentlab_domain::exit_code::UNAVAILABLE);
    assert_eq!(found(&home.database()).await, (EARLIER, 7));
    fs::remove_file(home.backups()).unwrap();
    Db::open(&home).await.unwrap();
    assert_eq!(found(&home.database()).await, (newest(), 7));
}

#[tokio::test]
async fn nobody_who_writes_in_turn_comes_between_the_copy_and_the_change() {
    let (_folder, home) = earlier().await;
    let db = Db::as_it_is(&home).unwrap();
    let still = crate::db::upgrade::prepare(&db, newest()).await.unwrap();
    assert_eq!(backup::all(&home).len(), 1);
    assert!(Lock::try_take(&home.lock("write"), Mode::Exclusive).unwrap().is_none(), "the ticket is held");
    assert!(Lock::try_take(&home.lock("backup"), Mode::Exclusive).unwrap().is_some(), "and no more than that");
    drop(still);
    assert!(Lock::try_take(&home.lock("write"), Mode::Exclusive).unwrap().is_some());
}

#[tokio::test]
async fn a_copy_that_the_migrations_do_not_fit_keeps_the_database_as_it_is() {
    let (_folder, home) = earlier().await;
    let db = Db::as_it_is(&home).unwrap();
    // What a migration is about to make is there already.
    sqlx::query("CREATE TABLE clock (id INTEGER)").execute(&db.full).await.unwrap();
    db.full.close().await;
    let error = Db::open(&home).await.unwrap_err();
    assert!(matches!(error, DbError::NoBackup { .. }), "{error}");
    assert_eq!(found(&home.database()).await, (EARLIER, 7));
}
