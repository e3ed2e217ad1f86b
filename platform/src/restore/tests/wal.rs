//! A WAL under those who work with it: what `SQLite` does with it, and what only somebody else does.

use std::{fs::File, os::unix::fs::FileExt};

use super::{super::wal::Wal, *};

async fn working_on() -> (tempfile::TempDir, Home, Db, File) {
    let (folder, home) = fresh();
    let db = open(&home, Depth::Whole).await.unwrap();
    ask(&db, "one").await;
    let file = File::options().read(true).write(true).open(wal(&home)).unwrap();
    (folder, home, db, file)
}

#[tokio::test]
async fn what_is_done_with_it_by_the_book_is_no_finding() {
    let (_folder, home, db, _file) = working_on().await;
    let mut seen = Wal::default();
    for n in 0..3 {
        for _ in 0..3 {
            assert_eq!(seen.look(&home), None);
        }
        // Given back to the disk, and begun anew.
        db.checkpoint().await.unwrap();
        assert_eq!((db.wal_bytes(), seen.look(&home), seen.look(&home)), (0, None, None));
        ask(&db, &format!("after {n}")).await;
    }
}

#[tokio::test]
async fn what_was_cut_anywhere_is_found_at_the_second_look() {
    let (_folder, home, db, file) = working_on().await;
    let bytes = fs::read(wal(&home)).unwrap();
    let whole = db.wal_bytes();
    for length in [1, 31, 32, whole / 2, whole - 1] {
        let mut seen = Wal::default();
        assert_eq!(seen.look(&home), None);
        file.set_len(length).unwrap();
        assert_eq!(seen.look(&home), None, "{length}: not at the first");
        assert!(seen.look(&home).is_some_and(|why| why.contains("cut")), "{length}");
        file.write_all_at(&bytes, 0).unwrap();
        assert_eq!(seen.look(&home), None, "{length}");
    }
    // Cut to nothing, and somebody wrote on behind it.
    file.set_len(0).unwrap();
    let mut seen = Wal::default();
    assert_eq!((seen.look(&home), seen.look(&home)), (None, None));
    file.write_all_at(&bytes[bytes.len() - 4096..], whole - 4096).unwrap();
    assert_eq!(seen.look(&home), None);
    assert!(seen.look(&home).is_some_and(|why| why.contains("cut")));
}

#[tokio::test]
async fn one_that_is_gone_or_another_is_found_at_the_second_look() {
    let (_folder, home, _db, _file) = working_on().await;
    let mut seen = Wal::default();
    assert_eq!(seen.look(&home), None);
    fs::remove_file(wal(&home)).unwrap();
    assert_eq!(seen.look(&home), None);
    fs::write(wal(&home), "").unwrap();
    assert!(seen.look(&home).is_some_and(|why| why.contains("taken away")));
}

/// A process that closes any descriptor of a file lets go of all its record locks there: `SQLite` would work on without them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_looks_while_he_works_keeps_his_locks() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, home, db, _file) = working_on().await;
    let inode = fs::metadata(home.database()).unwrap().ino();
    let held = || {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().filter(|line| line.contains("POSIX") && line.contains(&format!(":{inode} "))).count()
    };
    assert!(held() > 0, "in WAL mode it is shared for as long as it is open");
    let before = held();
    assert_eq!(look(&home).await.unwrap(), None);
    assert_eq!(held(), before);
    ask(&db, "two").await;
}
