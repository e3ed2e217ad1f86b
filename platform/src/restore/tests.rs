//! Databases that are damaged, cut, emptied, gone or behind, and what is there again when they were opened next.

mod leap;
mod poor;
mod standing;
mod wal;

use std::{fs, path::Path};

use agentlab_domain::backup::Reason;

use super::*;
use crate::{
    backup,
    config::{Backup as Terms, Place},
    db::{
        enqueue::{NewJob, Source},
        replay::Promised,
    },
};

fn fresh() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, home)
}

async fn ask(db: &Db, words: &str) -> i64 {
    let place = Place {
        project: "p".into(),
        path: db.home().workspace(),
        isolation: agentlab_domain::isolation::Isolation::Exclusive,
    };
    let source = Source::Terminal { request_id: words.to_owned() };
    db.enqueue(&NewJob { source, place, prompt: words.to_owned(), resumes: None }).await.unwrap().number
}

/// A home with two tasks in a backup, and two that came after it.
async fn worked() -> (tempfile::TempDir, Home) {
    working(true).await
}

async fn working(backed_up: bool) -> (tempfile::TempDir, Home) {
    let (folder, home) = fresh();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "one").await;
    ask(&db, "two").await;
    db.cancel(1, "the test").await.unwrap();
    if backed_up {
        backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    }
    ask(&db, "three").await;
    ask(&db, "four").await;
    db.cancel(3, "the test").await.unwrap();
    db.let_go().await;
    (folder, home)
}

async fn promised(home: &Home) -> Vec<Promised> {
    let db = open(home, Depth::Whole).await.unwrap();
    let found = db.promised().await;
    db.let_go().await;
    found
}

fn all_four() -> Vec<Promised> {
    let row = |number, prompt: &str, state: &str, status: &str, head| {
        (number, prompt.into(), state.into(), status.into(), head)
    };
    vec![
        row(1, "one", "cancelled", "Killed", None),
        row(2, "two", "queued", "Pending", Some(1)),
        row(3, "three", "cancelled", "Killed", None),
        row(4, "four", "queued", "Pending", Some(1)),
    ]
}

fn wal(home: &Home) -> std::path::PathBuf {
    place::beside(&home.database(), "-wal")
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let (from, to) = (bytes.len() / 4, bytes.len() / 4 * 3);
    bytes[from..to].fill(0xA5);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_sound_one_is_left_as_it_is_and_a_home_that_never_worked_begins() {
    let (_folder, home) = fresh();
    assert!(promised(&home).await.is_empty());
    let (_folder, home) = worked().await;
    assert_eq!(promised(&home).await, all_four());
    assert_eq!(last(&home), None);
}

#[tokio::test]
async fn whatever_happened_to_the_file_all_that_was_promised_is_there_again() {
    type Wrong = (&'static str, fn(&Home));
    let wrongs: [Wrong; 6] = [
        ("damaged", |home| damage(&home.database())),
        ("gone", |home| fs::remove_file(home.database()).unwrap()),
        ("emptied", |home| fs::write(home.database(), "").unwrap()),
        ("other", |home| fs::write(home.database(), "Not a database at all.".repeat(500)).unwrap()),
        ("short", |home| fs::File::options().write(true).open(home.database()).unwrap().set_len(5_000).unwrap()),
        ("no tables", |home| {
            fs::remove_file(home.database()).unwrap();
            fs::copy(empty(home), home.database()).unwrap();
        }),
    ];
    for (name, wrong) in wrongs {
        let (_folder, home) = worked().await;
        wrong(&home);
        assert_eq!(promised(&home).await, all_four(), "{name}");
        let report = last(&home).unwrap();
        assert!(report.why.is_some() && report.backup.is_some(), "{name}: {report:?}");
        assert!((3..=6).contains(&report.transactions), "{name}: {report:?}");
        assert_eq!((report.missing, report.refused), (0, 0), "{name}: {report:?}");
        assert_eq!(report.set_aside.is_some(), name != "gone", "{name}");
        // Nothing is done twice.
        let number = journal_of(&home);
        assert_eq!(promised(&home).await, all_four(), "{name}");
        assert_eq!((last(&home), journal_of(&home)), (Some(report), number), "{name}");
    }
}

/// An `SQLite` file without any table.
fn empty(home: &Home) -> std::path::PathBuf {
    let path = home.path().join("empty.db");
    std::process::Command::new("sqlite3").arg(&path).arg("VACUUM").status().map_or_else(
        |_| {
            // The smallest one there is.
            let mut bytes = vec![0_u8; 4096];
            bytes[..16].copy_from_slice(b"SQLite format 3\0");
            bytes[16..24].copy_from_slice(&[0x10, 0, 1, 1, 0, 64, 32, 32]);
            bytes[100] = 13;
            fs::write(&path, bytes).unwrap();
        },
        |_| (),
    );
    path
}

fn journal_of(home: &Home) -> u64 {
    fs::metadata(home.journal()).map_or(0, |found| found.len())
}

#[tokio::test]
async fn what_a_lost_wal_held_is_put_back_into_the_database_that_is_there() {
    let (_folder, home) = worked().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "five").await;
    ask(&db, "six").await;
    // As it stands at a power cut: the last transactions are in the WAL alone.
    let cut = home.path().join("cut");
    fs::copy(home.database(), &cut).unwrap();
    assert!(fs::metadata(wal(&home)).unwrap().len() > 0);
    db.let_go().await;
    fs::rename(&cut, home.database()).unwrap();
    let _ = fs::remove_file(wal(&home));
    let found = promised(&home).await;
    assert_eq!((found.len(), found[5].1.as_str()), (6, "six"));
    let report = last(&home).unwrap();
    assert_eq!((report.why, report.backup, report.set_aside), (None, None, None));
    assert_eq!(report.transactions, 2);
}

#[tokio::test]
async fn where_no_backup_is_the_journal_alone_is_enough_and_where_neither_is_it_is_refused() {
    let (_folder, home) = working(false).await;
    damage(&home.database());
    assert_eq!(promised(&home).await, all_four());
    assert_eq!(last(&home).unwrap().backup, None);
    // Of this one the beginning is missing.
    let (_folder, home) = worked().await;
    fs::remove_dir_all(home.backups()).unwrap();
    damage(&home.database());
    let before = fs::read(home.database()).unwrap();
    let error = open(&home, Depth::Whole).await.unwrap_err();
    assert!(matches!(error, DbError::Beyond { .. }), "{error}");
    assert_eq!(fs::read(home.database()).unwrap(), before, "nothing was changed");
    fs::remove_file(home.database()).unwrap();
    let error = open(&home, Depth::Whole).await.unwrap_err();
    assert!(matches!(error, DbError::Gone { .. }), "{error}");
    assert!(!home.database().exists(), "nothing was begun anew");
}

#[tokio::test]
async fn a_bad_backup_is_passed_over_and_the_journal_reaches_back_to_the_one_before() {
    let (_folder, home) = worked().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    let second = backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap().backup;
    ask(&db, "five").await;
    db.let_go().await;
    damage(&home.backups().join(&second.name).join(backup::DATABASE));
    damage(&home.database());
    let found = promised(&home).await;
    assert_eq!((found[..4].to_vec(), found[4].1.as_str()), (all_four(), "five"));
    assert_ne!(last(&home).unwrap().backup.unwrap().0, second.name);
}

#[tokio::test]
async fn one_that_others_have_open_is_left_until_they_let_go() {
    let (_folder, home) = worked().await;
    let other = Db::open(&home).await.unwrap();
    condemn(&home, "the test found it so").unwrap();
    assert!(matches!(attempt(&home, Depth::Quick).await, Err(DbError::SetAside)));
    let waiting = tokio::spawn({
        let home = home.clone();
        async move { open(&home, Depth::Quick).await.map(|_| ()) }
    });
    assert!(!waiting.is_finished() && matches!(attempt(&home, Depth::Quick).await, Err(DbError::SetAside)));
    other.let_go().await;
    waiting.await.unwrap().unwrap();
    // A closer look found nothing wrong; that everybody let go of it for that is told.
    let report = last(&home).unwrap();
    assert!(!is_condemned(&home) && report.whole && report.set_aside.is_none());
    assert!(
        report.words().contains("the test found it so") && report.words().contains("is whole"),
        "{}",
        report.words()
    );
    assert_eq!(promised(&home).await, all_four());
}

#[tokio::test]
async fn what_a_person_wants_is_restored_with_all_that_came_after_it() {
    let (_folder, home) = worked().await;
    let newest = backup::newest(&home).unwrap();
    let name = newest.name.clone();
    fs::write(home.backups().join(&name).join("config.toml"), "[workers]\ncount = 1\n").unwrap();
    wish(&home, &newest).await.unwrap();
    assert_eq!(promised(&home).await, all_four());
    let report = last(&home).unwrap();
    assert_eq!(report.backup.as_ref().map(|(name, _)| name.as_str()), Some(name.as_str()));
    assert_eq!(report.files, ["config.toml"]);
    assert!(report.set_aside.is_some_and(|folder| folder.join("agentlab.db").exists()));
    assert!(report.why.unwrap().contains("a person wants"));
}

#[tokio::test]
async fn i4_a_line_comes_before_its_commit_and_without_it_nothing_is_committed() {
    let (_folder, home) = fresh();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "one").await;
    fs::rename(home.journal(), home.path().join("away")).unwrap();
    fs::create_dir(home.journal()).unwrap();
    let place = Place {
        project: "p".into(),
        path: home.workspace(),
        isolation: agentlab_domain::isolation::Isolation::Exclusive,
    };
    let new =
        NewJob { source: Source::Terminal { request_id: "two".into() }, place, prompt: "two".into(), resumes: None };
    let error = db.enqueue(&new).await.unwrap_err();
    assert!(matches!(&error, DbError::File { path, .. } if *path == home.journal()), "{error}");
    fs::remove_dir(home.journal()).unwrap();
    fs::rename(home.path().join("away"), home.journal()).unwrap();
    assert_eq!(db.enqueue(&new).await.unwrap().number, 2, "the number was not used up");
    db.let_go().await;
    assert_eq!(promised(&home).await.len(), 2);
}
