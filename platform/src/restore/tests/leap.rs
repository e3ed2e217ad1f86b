//! What was restored with less than there had been, and backups of what was given up then that come back later.

use std::path::PathBuf;

use super::*;
use crate::journal;

fn folder_of(home: &Home, number: u64) -> PathBuf {
    let found = backup::all(home).into_iter().find(|backup| backup.number == number).unwrap();
    home.backups().join(found.name)
}

async fn prompts(home: &Home) -> Vec<String> {
    promised(home).await.into_iter().map(|(_, words, ..)| words).collect()
}

/// A home that was lost, begun again from the older of two copies of its backups, and has worked since; the newer copy is back, too.
async fn begun_again() -> (tempfile::TempDir, Home, PathBuf) {
    let (folder, home) = fresh();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "one").await;
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    for words in ["old two", "old three"] {
        ask(&db, words).await;
    }
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    db.let_go().await;
    let (newer, away) = (folder_of(&home, 2), folder.path().join("away"));
    fs::rename(&newer, &away).unwrap();
    fs::remove_file(home.journal()).unwrap();
    fs::remove_dir_all(home.journal_segments()).unwrap();
    fs::remove_file(home.database()).unwrap();
    let db = open(&home, Depth::Whole).await.unwrap();
    assert!(last(&home).unwrap().cut_off);
    assert!(journal::is_noted(&home), "a backup of what goes on from here is made soon");
    for words in ["new two", "new three", "new four", "new five"] {
        ask(&db, words).await;
    }
    db.let_go().await;
    assert!(!home.backups().join(newer.file_name().unwrap()).exists());
    fs::rename(&away, &newer).unwrap();
    (folder, home, newer)
}

const NEW: [&str; 5] = ["one", "new two", "new three", "new four", "new five"];

#[tokio::test]
async fn a_backup_of_what_was_given_up_is_not_joined_to_what_came_later() {
    let (_folder, home, newer) = begun_again().await;
    assert_eq!(newest(&home).unwrap().number, 1, "the other one is of what was given up");
    let other = backup::all(&home).remove(0);
    assert!(newer.ends_with(&other.name));
    let refused = wish(&home, &other).await.unwrap_err().to_string();
    assert!(refused.contains("given up"), "{refused}");
    assert_eq!(prompts(&home).await, NEW);
    fs::remove_file(home.database()).unwrap();
    assert_eq!(prompts(&home).await, NEW);
    let report = last(&home).unwrap();
    assert_eq!((report.missing, report.cut_off, report.transactions > 0), (0, false, true), "{}", report.words());
    assert_eq!(report.backup.unwrap().0[..7], *"000001-");
    // From there on it is as ever.
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "later").await;
    assert!(has_gap(&home).await.unwrap(), "the newest here leads nowhere");
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    assert!(!has_gap(&home).await.unwrap());
    db.let_go().await;
    fs::remove_file(home.database()).unwrap();
    assert_eq!(prompts(&home).await.last().unwrap(), "later");
    assert_eq!(last(&home).unwrap().backup.unwrap().0[..7], *"000003-");
}

#[tokio::test]
async fn where_nothing_says_what_was_given_up_the_one_that_came_later_is_begun_with() {
    let (_folder, home, newer) = begun_again().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    db.let_go().await;
    // The number of one that came from elsewhere says nothing.
    let (from, above) = (backup::all(&home).remove(1), home.backups().join("000009-20261122-000000"));
    fs::rename(newer, &above).unwrap();
    fs::write(above.join("backup.json"), serde_json::to_vec(&Backup { number: 9, ..from }).unwrap()).unwrap();
    fs::remove_file(home.journal()).unwrap();
    fs::remove_dir_all(home.journal_segments()).unwrap();
    fs::remove_file(home.database()).unwrap();
    assert_eq!(prompts(&home).await, NEW);
}

#[tokio::test]
async fn a_copy_that_is_begun_with_without_a_journal_gives_no_number_twice() {
    let (_folder, home) = worked().await;
    let copy = folder_of(&home, 1).join(backup::DATABASE);
    let known = backup::all(&home).remove(0).seq;
    fs::remove_file(home.journal()).unwrap();
    fs::remove_dir_all(home.journal_segments()).unwrap();
    fs::copy(copy, home.database()).unwrap();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "again").await;
    db.let_go().await;
    let (_, seq) = crate::db::backup::head(&home.database()).await.unwrap().unwrap();
    assert!(seq > known + 1000, "{seq} after {known}");
    assert_eq!(prompts(&home).await, ["one", "two", "again"]);
}

#[tokio::test]
async fn of_two_that_were_begun_again_from_the_same_backup_the_later_is_the_one() {
    let (folder, home, _) = begun_again().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    db.let_go().await;
    // Lost once more, with all but the first.
    let lost = folder_of(&home, 3);
    let away = folder.path().join("away");
    fs::rename(&lost, &away).unwrap();
    fs::remove_dir_all(folder_of(&home, 2)).unwrap();
    fs::remove_file(home.journal()).unwrap();
    fs::remove_dir_all(home.journal_segments()).unwrap();
    fs::remove_file(home.database()).unwrap();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "the third time").await;
    db.let_go().await;
    fs::rename(&away, &lost).unwrap();
    assert_eq!(newest(&home).unwrap().number, 1);
    fs::remove_file(home.database()).unwrap();
    assert_eq!(prompts(&home).await, ["one", "the third time"]);
}
