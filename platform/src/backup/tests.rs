//! Backups of a database in use, of a damaged one, and what is kept of them.

use std::{fs, path::PathBuf};

use super::*;
use crate::{config::Backup as Terms, db::Db};

async fn home() -> (tempfile::TempDir, Home, Db) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    let db = Db::open(&home).await.unwrap();
    (folder, home, db)
}

fn terms(keep: usize, copy_to: Option<PathBuf>) -> Terms {
    Terms { keep, copy_to, ..Terms::default() }
}

/// Overwrites the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xAA);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_backup_holds_what_was_committed_and_is_found_sound_in_a_scratch_file() {
    let (_folder, home, db) = home().await;
    fs::write(home.config(), "[workers]\ncount = 2\n").unwrap();
    fs::write(home.instructions(), "Be brief.").unwrap();
    db.scale(5, 3, "the test").await.unwrap();
    let taken = take(&db, &terms(24, None), Reason::Hourly).await.unwrap();
    let folder = home.backups().join(&taken.backup.name);
    assert_eq!(all(&home), std::slice::from_ref(&taken.backup));
    assert_eq!(taken.backup.rows.get("control"), Some(&1));
    assert_eq!(fs::read_to_string(folder.join("config.toml")).unwrap(), "[workers]\ncount = 2\n");
    assert_eq!(fs::read_to_string(folder.join("orchestrator.md")).unwrap(), "Be brief.");
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["agentlab.db", "backup.json", "config.toml", "orchestrator.md"], "no scratch file is left");
    let verified = verify(&home, &taken.backup).await.unwrap();
    assert!(verified.verified_at >= taken.backup.verified_at);
    assert!(failure(&home).is_none());
}

#[tokio::test]
async fn a_backup_that_the_disk_has_changed_is_found_out() {
    let (_folder, home, db) = home().await;
    let taken = take(&db, &terms(24, None), Reason::Hourly).await.unwrap();
    damage(&home.backups().join(&taken.backup.name).join(DATABASE));
    assert!(matches!(verify(&home, &taken.backup).await, Err(BackupError::Unsound(Fault::Changed))));
}

#[tokio::test]
async fn a_bad_one_stays_bad_until_it_is_sound_again_and_takes_the_place_of_no_sound_one() {
    let (_folder, home, db) = home().await;
    let first = take(&db, &terms(2, None), Reason::Hourly).await.unwrap().backup;
    let second = take(&db, &terms(2, None), Reason::Hourly).await.unwrap().backup;
    let copy = home.backups().join(&second.name).join(DATABASE);
    let whole = fs::read(&copy).unwrap();
    damage(&copy);
    verify(&home, &second).await.unwrap_err();
    assert!(all(&home)[0].bad.as_ref().is_some_and(|words| words.contains("the disk has changed it")));
    take(&db, &terms(2, None), Reason::Hourly).await.unwrap();
    let kept = |home: &Home| all(home).iter().map(|backup| backup.number).collect::<Vec<_>>();
    assert_eq!(kept(&home), [3, 2, first.number], "the bad one counts for nothing");
    fs::write(&copy, whole).unwrap();
    verify(&home, &second).await.unwrap();
    assert_eq!(all(&home)[1].bad, None);
    take(&db, &terms(2, None), Reason::Hourly).await.unwrap();
    assert_eq!(kept(&home), [4, 3]);
}

#[tokio::test]
async fn what_cannot_be_restored_is_no_backup_and_the_earlier_ones_stay() {
    let (_folder, home, db) = home().await;
    let first = take(&db, &terms(1, None), Reason::Hourly).await.unwrap().backup;
    // SQLite copies it without a word.
    db.refer_to_nothing(true).await;
    let error = take(&db, &terms(1, None), Reason::Hourly).await.unwrap_err();
    assert!(error.to_string().contains("1 rows refer"), "{error}");
    assert_eq!(all(&home), [first]);
    assert_eq!(failure(&home).unwrap().words, error.to_string());
    assert!(!fs::read_dir(home.backups()).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().starts_with(files::NEW)
    }));
    db.refer_to_nothing(false).await;
    take(&db, &terms(1, None), Reason::Hourly).await.unwrap();
    assert!(failure(&home).is_none());
}

#[tokio::test]
async fn the_newest_are_kept_here_and_in_the_second_folder_in_the_order_in_which_they_were_made() {
    let (folder, home, db) = home().await;
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let second = folder.path().join("elsewhere/copies");
    let terms = terms(2, Some(second.clone()));
    // One of a clock that was far ahead.
    let first = take(&db, &terms, Reason::Hourly).await.unwrap().backup;
    write(&home.backups().join(&first.name), &Backup { at: first.at + 864_000_000, ..first.clone() }).unwrap();
    fs::create_dir(home.backups().join(".new-cut-off")).unwrap();
    for _ in 0..3 {
        assert_eq!(take(&db, &terms, Reason::Hourly).await.unwrap().not_copied, None);
    }
    let numbers = |backups: Vec<Backup>| backups.into_iter().map(|backup| backup.number).collect::<Vec<_>>();
    assert_eq!(numbers(all(&home)), [4, 3]);
    assert_eq!(numbers(within(&second)), [4, 3]);
    assert_eq!(fs::read_dir(home.backups()).unwrap().count(), 2, "halves and old ones are gone");
    // The folder of the home is lost: the numbers go on above those of the other.
    fs::remove_dir_all(home.backups()).unwrap();
    assert_eq!(take(&db, &terms, Reason::Hourly).await.unwrap().backup.number, 5);
    // A second folder that cannot be written is said, and costs no backup.
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let taken = take(&db, &Terms { copy_to: Some(blocked), ..terms }, Reason::Hourly).await.unwrap();
    assert!(taken.not_copied.is_some() && all(&home).first() == Some(&taken.backup));
}

#[tokio::test]
async fn two_at_once_are_one_after_the_other_or_refused() {
    let (_folder, home, db) = home().await;
    let terms = terms(24, None);
    let _turn = crate::lock::Lock::try_take(&home.lock("backup"), crate::lock::Mode::Exclusive).unwrap().unwrap();
    assert!(matches!(take(&db, &terms, Reason::Hourly).await, Err(BackupError::Busy)));
    assert!(failure(&home).is_none(), "it is none of ours");
}

#[tokio::test]
async fn two_homes_that_share_a_second_folder_take_nothing_from_each_other() {
    let (folder, _home, db) = home().await;
    let (_other, _their_home, theirs) = home().await;
    let second = folder.path().join("second");
    let terms = terms(2, Some(second.clone()));
    for db in [&db, &theirs, &theirs, &theirs, &db] {
        // What is of no transaction yet has no id of its own.
        db.scale(5, 3, "the test").await.unwrap();
        assert!(take(db, &terms, Reason::Hourly).await.unwrap().not_copied.is_none());
    }
    let kept: Vec<String> = within(&second).into_iter().map(|one| one.db).collect();
    let (ours, others) = (&kept[0], &kept[1]);
    assert!(ours != others && kept.len() == 4, "{kept:?}");
    assert_eq!(kept.iter().filter(|db| *db == ours).count(), 2, "{kept:?}");
}

#[tokio::test]
async fn since_when_there_is_no_copy_is_known_until_there_is_one_or_none_is_wanted() {
    let (folder, home, db) = home().await;
    let disk = folder.path().join("mounted");
    let second = terms(24, Some(disk.join("copies")));
    let take = async |terms: &Terms| take(&db, terms, Reason::Hourly).await.unwrap();
    let why = take(&second).await.not_copied.unwrap();
    assert!(why.contains("Is its disk mounted?") && !disk.exists(), "{why}");
    let since = uncopied(&home).unwrap();
    assert_eq!(since.words, why);
    let earlier = Failure { at: since.at - 3_600_000, ..since.clone() };
    note(&home.backups().join("uncopied.json"), Some(earlier.clone()));
    let later = take(&second).await;
    assert!(later.not_copied.is_some() && uncopied(&home).unwrap().at == earlier.at, "the first counts");
    assert_eq!(has_copy(&home, &disk.join("copies"), &later.backup).await, Some(false));
    fs::create_dir(&disk).unwrap();
    let copied = take(&second).await;
    assert!(copied.not_copied.is_none() && uncopied(&home).is_none());
    assert_eq!(has_copy(&home, &disk.join("copies"), &copied.backup).await, Some(true));
    note(&home.backups().join("uncopied.json"), Some(since));
    assert!(take(&terms(24, None)).await.not_copied.is_none() && uncopied(&home).is_none(), "none is wanted");
}
