//! Sound files that are not the ones to go on with: another home's, too old, emptied; and backups of which a part is lost.

use super::*;

/// Puts a copy of the database, as it is now, aside.
async fn copy_of(home: &Home, name: &str) -> std::path::PathBuf {
    let db = open(home, Depth::Whole).await.unwrap();
    db.checkpoint().await.unwrap();
    let copy = home.path().join(name);
    fs::copy(home.database(), &copy).unwrap();
    db.let_go().await;
    copy
}

fn put(home: &Home, copy: &Path) {
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(place::beside(&home.database(), end));
    }
    fs::copy(copy, home.database()).unwrap();
}

#[tokio::test]
async fn one_that_is_too_old_for_the_journal_is_replaced_by_the_backup_that_is_not() {
    let (_folder, home) = fresh();
    ask_and_go(&home, "one").await;
    let old = copy_of(&home, "old").await;
    for words in ["two", "three"] {
        ask_and_go(&home, words).await;
    }
    let db = open(&home, Depth::Whole).await.unwrap();
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    db.let_go().await;
    ask_and_go(&home, "four").await;
    put(&home, &old);
    let found = promised(&home).await;
    assert_eq!(found.iter().map(|row| row.1.as_str()).collect::<Vec<_>>(), ["one", "two", "three", "four"]);
    let report = last(&home).unwrap();
    assert!(report.why.unwrap().contains("a backup has 3") && report.missing == 0);
}

async fn ask_and_go(home: &Home, words: &str) {
    let db = open(home, Depth::Whole).await.unwrap();
    ask(&db, words).await;
    db.let_go().await;
}

#[tokio::test]
async fn the_database_of_another_home_is_set_aside_and_not_worked_on() {
    let (_folder, home) = worked().await;
    let (_other_folder, other) = working(false).await;
    let strange = copy_of(&other, "strange").await;
    put(&home, &strange);
    assert_eq!(promised(&home).await, all_four());
    assert!(last(&home).unwrap().why.unwrap().contains("not the database of this home"));
    // Also where no backup is there to tell.
    let (_folder, home) = working(false).await;
    put(&home, &strange);
    assert_eq!(promised(&home).await, all_four());
}

#[tokio::test]
async fn a_backup_whose_record_is_lost_is_told_as_bad_and_begun_with_where_nothing_else_is() {
    let (_folder, home) = worked().await;
    let newest = backup::newest(&home).unwrap();
    fs::remove_file(home.backups().join(&newest.name).join("backup.json")).unwrap();
    assert!(backup::newest(&home).is_none() && backup::all(&home)[0].bad.is_some());
    fs::remove_file(home.database()).unwrap();
    assert_eq!(promised(&home).await, all_four());
    // One without its copy stops nobody.
    let (_folder, home) = worked().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    let second = backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap().backup;
    db.let_go().await;
    fs::remove_file(home.backups().join(&second.name).join(backup::DATABASE)).unwrap();
    fs::write(home.database(), "").unwrap();
    assert_eq!(promised(&home).await, all_four());
}

#[tokio::test]
async fn an_emptied_one_is_not_begun_anew_by_who_only_asks() {
    let (_folder, home) = worked().await;
    fs::write(home.database(), "").unwrap();
    assert!(matches!(Db::open(&home).await, Err(DbError::Gone { .. })));
    assert_eq!(fs::metadata(home.database()).unwrap().len(), 0);
    assert_eq!(promised(&home).await, all_four());
}

#[tokio::test]
async fn a_person_is_refused_a_backup_by_which_something_would_be_given_up() {
    let (_folder, home) = worked().await;
    let first = backup::newest(&home).unwrap();
    let db = open(&home, Depth::Whole).await.unwrap();
    let second = backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap().backup;
    db.let_go().await;
    fs::remove_dir_all(home.journal_segments()).unwrap();
    let error = wish(&home, &first).await.unwrap_err();
    assert!(matches!(error, DbError::NotWhole(_)) && error.to_string().contains("would be lost"), "{error}");
    assert!(!is_condemned(&home));
    wish(&home, &second).await.unwrap();
    assert_eq!(promised(&home).await, all_four());
}

#[tokio::test]
async fn a_link_in_the_place_of_the_database_is_refused_and_what_it_leads_to_stays_as_it_is() {
    for wrong in [false, true] {
        let (folder, home) = worked().await;
        let elsewhere = folder.path().join("elsewhere.db");
        fs::rename(home.database(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, home.database()).unwrap();
        if wrong {
            damage(&elsewhere);
        }
        let before = fs::read(&elsewhere).unwrap();
        for opened in [open(&home, Depth::Whole).await, Db::open(&home).await] {
            let words = opened.unwrap_err().to_string();
            assert!(words.contains("symbolic link") && words.contains("elsewhere.db"), "{words}");
        }
        assert!(home.database().is_symlink() && !home.set_aside().exists());
        assert_eq!(fs::read(&elsewhere).unwrap(), before);
        // As the refusal says.
        fs::rename(&elsewhere, home.database()).unwrap();
        assert_eq!(promised(&home).await, all_four());
    }
}
