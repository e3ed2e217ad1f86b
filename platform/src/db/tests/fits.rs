//! Whether a release knows a database, asked before it is put in place.

use super::*;
use crate::db::migrate;

/// The home of a database that is closed.
async fn home() -> (tempfile::TempDir, Home) {
    let (folder, db) = fresh().await;
    let home = db.home().clone();
    db.full.close().await;
    db.normal.close().await;
    (folder, home)
}

async fn change(home: &Home, statement: &'static str) {
    let db = Db::as_it_is(home).unwrap();
    let mut write = db.begin(Durability::Full).await.unwrap();
    sqlx::query(statement).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_home_without_a_database_fits_and_none_is_made_for_the_question() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    migrate::fits(&home).await.unwrap();
    assert!(!home.database().exists());
}

#[tokio::test]
async fn one_that_lacks_migrations_fits_and_they_are_not_made_for_the_question() {
    let (_folder, home) = home().await;
    migrate::fits(&home).await.unwrap();
    change(&home, "DELETE FROM _sqlx_migrations WHERE version >= 20261122000014").await;
    migrate::fits(&home).await.unwrap();
    let db = Db::as_it_is(&home).unwrap();
    let last: i64 = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(db.read()).await.unwrap();
    assert!(last < 20_261_122_000_014);
}

#[tokio::test]
async fn one_with_a_migration_that_says_something_else_or_that_needs_a_newer_release_does_not_fit() {
    let (_folder, home) = home().await;
    change(&home, "DELETE FROM _sqlx_migrations WHERE version >= 20261122000014").await;
    change(&home, "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 20261122000001").await;
    let error = migrate::fits(&home).await.unwrap_err();
    assert!(error.to_string().contains("20261122000001"), "{error}");
    change(&home, "UPDATE meta SET value = '99.0.0' WHERE key = 'schema_min_release'").await;
    let error = migrate::fits(&home).await.unwrap_err();
    assert!(matches!(error, DbError::Newer { .. }), "{error}");
}
