//! Backups and journals that are not what they were: which backup is taken, and what is said to be lost.

use super::*;
use crate::journal;

/// Two backups, a task after each; then the database is gone.
async fn twice() -> (tempfile::TempDir, Home, [std::path::PathBuf; 2]) {
    let (folder, home) = worked().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    ask(&db, "five").await;
    db.let_go().await;
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(place::beside(&home.database(), end));
    }
    let all: Vec<_> =
        backup::all(&home).into_iter().map(|one| home.backups().join(one.name).join("agentlab.db")).collect();
    (folder, home, all.try_into().unwrap())
}

fn cut(path: &Path, less: u64) {
    let length = fs::metadata(path).unwrap().len();
    fs::File::options().write(true).open(path).unwrap().set_len(length.saturating_sub(less)).unwrap();
}

async fn numbers(home: &Home) -> Vec<i64> {
    promised(home).await.into_iter().map(|one| one.0).collect()
}

#[tokio::test]
async fn a_newest_backup_that_the_disk_has_changed_is_passed_over_for_an_older_sound_one() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("emptied", |path| cut(path, u64::MAX)),
        ("cut by 10 bytes", |path| cut(path, 10)),
        ("cut by 37 bytes", |path| cut(path, 37)),
        ("cut by a page", |path| cut(path, 4096)),
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("of other bytes", |path| fs::write(path, vec![7; 8192]).unwrap()),
    ];
    for (what, change) in changes {
        let (_folder, home, [newest, older]) = twice().await;
        change(&newest);
        assert_eq!(numbers(&home).await, [1, 2, 3, 4, 5], "{what}");
        let report = last(&home).unwrap();
        let name = older.parent().unwrap().file_name().unwrap().to_string_lossy();
        assert_eq!(report.backup.as_ref().unwrap().0, name, "{what}");
        assert_eq!((report.missing, report.cut_off), (0, false), "{what}: {}", report.words());
    }
}

#[tokio::test]
async fn emptied_backups_are_nothing_to_begin_with() {
    let (_folder, home, both) = twice().await;
    // One byte is what begins anew.
    for bytes in ["", "\n"] {
        for path in &both {
            fs::write(path, bytes).unwrap();
        }
        let refused = open(&home, Depth::Whole).await.unwrap_err().to_string();
        assert!(
            refused.contains("no backup is sound (000002-") && refused.contains("Nothing was changed"),
            "{refused}"
        );
        assert!(refused.contains("backup.copy_to"), "{refused}");
        assert!(!home.database().exists() && last(&home).is_none());
    }
}

#[tokio::test]
async fn the_database_of_another_home_in_the_folder_of_a_backup_is_not_begun_with() {
    let (_folder, home, both) = twice().await;
    let (_other, _their_home, theirs) = twice().await;
    for path in &both {
        fs::copy(&theirs[0], path).unwrap();
    }
    let refused = open(&home, Depth::Whole).await.unwrap_err().to_string();
    assert!(refused.contains("it is of another home") && !home.database().exists(), "{refused}");
}

#[tokio::test]
async fn a_backup_that_is_not_as_it_was_made_is_the_last_resort_and_called_that() {
    let (_folder, home, both) = twice().await;
    for path in &both {
        // Behind its last page, where nobody reads.
        let mut bytes = fs::read(path).unwrap();
        bytes.extend([7; 100]);
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(numbers(&home).await, [1, 2, 3, 4, 5]);
    let words = last(&home).unwrap().words();
    assert!(words.contains("which is not as it was made (its copy of the database is not the one"), "{words}");
}

#[tokio::test]
async fn a_copy_that_is_put_beside_the_wal_of_another_file_is_begun_with_and_not_ruined() {
    for depth in [Depth::Whole, Depth::Quick] {
        let (folder, home) = worked().await;
        let db = open(&home, Depth::Whole).await.unwrap();
        let taken = backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap().backup;
        for n in 0..40 {
            ask(&db, &format!("{n} {}", "much ".repeat(300))).await;
        }
        let (copy, wal) = (folder.path().join("copy"), place::beside(&home.database(), "-wal"));
        fs::rename(home.backups().join(&taken.name).join("agentlab.db"), &copy).unwrap();
        let frames = fs::read(&wal).unwrap();
        db.let_go().await;
        fs::remove_dir_all(home.backups()).unwrap();
        fs::remove_dir_all(home.journal_segments()).unwrap();
        fs::remove_file(home.journal()).unwrap();
        // What an agent left: this home has worked.
        fs::create_dir_all(home.runs().join("some")).unwrap();
        fs::remove_file(home.database()).unwrap();
        fs::copy(&copy, home.database()).unwrap();
        fs::write(&wal, &frames).unwrap();
        open(&home, depth).await.unwrap().let_go().await;
        assert_eq!(numbers(&home).await, [1, 2, 3, 4]);
        let report = last(&home).unwrap();
        assert!(report.alone && report.words().contains("without the WAL beside it"), "{}", report.words());
        let aside = report.set_aside.unwrap();
        assert_eq!(fs::read(aside.join("agentlab.db")).unwrap(), fs::read(&copy).unwrap(), "as it was");
        assert_eq!(fs::read(aside.join("agentlab.db-wal")).unwrap(), frames);
    }
}

#[tokio::test]
async fn a_backup_that_was_changed_is_no_persons_wish_and_the_sound_ones_are_named() {
    let (_folder, home, [newest, _]) = twice().await;
    open(&home, Depth::Whole).await.unwrap().let_go().await;
    fs::write(&newest, "torn").unwrap();
    let all = backup::all(&home);
    let refused = wish(&home, &all[0]).await.unwrap_err().to_string();
    assert!(refused.contains("BAD") && refused.contains(&format!("sound: {}", all[1].name)), "{refused}");
    assert!(!is_condemned(&home));
}

#[tokio::test]
async fn what_may_be_lost_with_a_journal_is_said() {
    for (what, change) in [
        ("gone", (|home| fs::remove_file(home.journal()).unwrap()) as fn(&Home)),
        ("emptied", |home| fs::write(home.journal(), "").unwrap()),
        ("of other bytes", |home| fs::write(home.journal(), "\u{7}".repeat(900)).unwrap()),
    ] {
        let (_folder, home, _) = twice().await;
        change(&home);
        assert_eq!(numbers(&home).await, [1, 2, 3, 4], "{what}");
        let words = last(&home).unwrap().words();
        assert!(words.contains("may be lost: the journal that goes on from there"), "{what}: {words}");
    }
    let (_folder, home, _) = twice().await;
    let lines = fs::read(home.journal()).unwrap();
    fs::write(home.journal(), &lines[..lines.len() - 30]).unwrap();
    assert_eq!(numbers(&home).await, [1, 2, 3, 4]);
    assert!(last(&home).unwrap().words().contains("damaged in places"), "{}", last(&home).unwrap().words());
    // Where nothing came after the backup its journal has a head, and nothing is lost.
    let (_folder, home) = worked().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    db.let_go().await;
    fs::remove_file(home.database()).unwrap();
    assert_eq!(numbers(&home).await, [1, 2, 3, 4]);
    assert!(!last(&home).unwrap().words().contains("lost"), "{}", last(&home).unwrap().words());
}

#[tokio::test]
async fn a_gap_in_the_journal_is_noted_and_a_backup_closes_it() {
    let (_folder, home) = worked().await;
    let db = open(&home, Depth::Whole).await.unwrap();
    assert!(!has_gap(&home).await.unwrap() && !may_have_gap(&home).await.unwrap());
    fs::remove_file(home.journal()).unwrap();
    assert!(may_have_gap(&home).await.unwrap() && has_gap(&home).await.unwrap());
    // What is appended ends where the database stands, and still lacks what was before it.
    ask(&db, "five").await;
    assert!(journal::is_noted(&home) && has_gap(&home).await.unwrap());
    backup::take(&db, &Terms::default(), Reason::Hourly).await.unwrap();
    assert!(!has_gap(&home).await.unwrap());
    journal::lift(&home).unwrap();
    ask(&db, "six").await;
    assert!(!may_have_gap(&home).await.unwrap());
    db.let_go().await;
    fs::remove_file(home.database()).unwrap();
    assert_eq!(numbers(&home).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_database_is_set_aside_like_any_other_damage() {
    let (_folder, home, _) = twice().await;
    fs::create_dir(home.database()).unwrap();
    assert_eq!(numbers(&home).await, [1, 2, 3, 4, 5]);
    let report = last(&home).unwrap();
    assert!(report.words().contains("it is no file") && report.set_aside.unwrap().join("agentlab.db").is_dir());
}

#[tokio::test]
async fn a_backup_whose_record_is_lost_has_the_time_of_its_name() {
    let (_folder, home) = worked().await;
    let made = backup::all(&home).remove(0);
    fs::remove_file(home.backups().join(&made.name).join("backup.json")).unwrap();
    let found = backup::all(&home).remove(0);
    assert_eq!((found.at, found.name), (made.at / 1000 * 1000, made.name));
}

#[tokio::test]
async fn a_backup_of_another_home_is_never_taken_whether_by_itself_or_by_wish() {
    let (_theirs, other) = worked().await;
    let foreign = backup::all(&other).remove(0);
    let (_folder, home, [newest, _]) = twice().await;
    let ours = newest.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let here = home.backups().join(format!("000009{}", &foreign.name[6..]));
    fs::create_dir(&here).unwrap();
    for entry in fs::read_dir(other.backups().join(&foreign.name)).unwrap().flatten() {
        fs::copy(entry.path(), here.join(entry.file_name())).unwrap();
    }
    assert_eq!(numbers(&home).await, [1, 2, 3, 4, 5]);
    assert_eq!(last(&home).unwrap().backup.unwrap().0, ours);
    let foreign = backup::all(&home).into_iter().find(|one| one.name.starts_with("000009")).unwrap();
    let refused = wish(&home, &foreign).await.unwrap_err().to_string();
    assert!(refused.contains("of another home") && refused.contains(&ours), "{refused}");
}

#[tokio::test]
async fn a_file_in_the_place_of_set_aside_is_named_and_nothing_is_changed() {
    let (_folder, home, _) = twice().await;
    fs::write(home.database(), "torn").unwrap();
    fs::write(home.set_aside(), "in the way").unwrap();
    let refused = open(&home, Depth::Whole).await.unwrap_err().to_string();
    assert!(refused.contains("set-aside") && refused.contains("move it away"), "{refused}");
    assert_eq!(fs::read(home.database()).unwrap(), b"torn");
    fs::remove_file(home.set_aside()).unwrap();
    assert_eq!(numbers(&home).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_home_in_which_nothing_was_ever_promised_begins_anew_over_a_damaged_one() {
    let (_folder, home) = fresh();
    open(&home, Depth::Whole).await.unwrap().let_go().await;
    fs::write(home.database(), vec![0xA5; 8192]).unwrap();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "one").await;
    db.let_go().await;
    assert_eq!(numbers(&home).await, [1]);
    assert_eq!(fs::read_dir(home.set_aside()).unwrap().count(), 1, "it is never deleted");
}
