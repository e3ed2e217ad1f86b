//! Who keeps the database locked, asked with real processes: record locks never meet those of their own process.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Instant,
};

use agentlab_domain::{hang::Standing, holder::Ours};

use super::*;
use crate::{
    holder::{self, Holder},
    identity::Identity,
};

const PART: &str = "HOLDER_TEST_PART";
const FOLDER: &str = "HOLDER_TEST_FOLDER";

/// This test's program again, playing a part.
struct Other {
    child: Child,
    said: PathBuf,
}

impl Other {
    fn plays(part: &str, db: &Db) -> Self {
        let said = db.home().path().join(format!("{part}.said"));
        let _ = std::fs::remove_file(&said);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "db::tests::holder::another_process", "--nocapture"])
            .envs([(PART, part.as_ref()), (FOLDER, db.home().path().as_os_str())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, said }
    }

    /// What it said when it had done its part.
    fn says(&mut self) -> String {
        let started = Instant::now();
        loop {
            if let Ok(said) = std::fs::read_to_string(&self.said) {
                return said;
            }
            assert!(self.child.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_mins(1));
            std::thread::yield_now();
        }
    }

    fn holder(&self) -> Holder {
        Holder::Known(Identity::of(self.child.id().cast_signed()).unwrap().unwrap())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the other process does: its part, then it says what came of it, and waits until it is ended.
#[tokio::test]
async fn another_process() {
    let (Ok(part), Some(folder)) = (std::env::var(PART), std::env::var_os(FOLDER)) else { return };
    let home = Home::at(PathBuf::from(folder)).unwrap();
    let say = |words: &str| {
        let path = home.path().join(format!("{part}.said"));
        std::fs::write(path.with_extension("new"), words).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
    };
    match part.as_str() {
        "foreign" => {
            let mut connection = connect(&home).await;
            sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
            stay(&say);
        }
        "exclusive" => {
            let mut connection = connect(&home).await;
            sqlx::query("PRAGMA locking_mode = EXCLUSIVE").execute(&mut connection).await.unwrap();
            let write = sqlx::query("INSERT INTO meta (key, value) VALUES ('test', '1')");
            match write.execute(&mut connection).await {
                Ok(_) => stay(&say),
                Err(error) => say(&error.to_string()),
            }
        }
        "ours" => {
            let db = Db::open(&home).await.unwrap();
            let _write = db.begin(Durability::Full).await.unwrap();
            stay(&say);
        }
        "ticket" => {
            let db = Db::open(&home).await.unwrap();
            let _ticket = Lock::wait(&home.lock("write")).unwrap();
            db.processes().await.unwrap();
            stay(&say);
        }
        "asks" => say(&format!("{:?}", holder::writer(&home).unwrap())),
        other => panic!("{other}"),
    }
}

fn stay(say: &impl Fn(&str)) {
    say("held");
    let _ = std::io::read_to_string(std::io::stdin());
}

/// A program that never heard of us, and does not wait.
async fn connect(home: &Home) -> sqlx::SqliteConnection {
    let options = SqliteConnectOptions::new().filename(home.database()).busy_timeout(Duration::ZERO);
    <sqlx::SqliteConnection as Connection>::connect_with(&options).await.unwrap()
}

#[tokio::test]
async fn l2_asking_who_writes_takes_nothing_from_the_process_that_asks() {
    let (_folder, db) = fresh().await;
    let write = db.begin(Durability::Full).await.unwrap();
    let own = format!("{:?}", Some(Holder::Known(Identity::own().unwrap())));
    for _ in 0..3 {
        assert_eq!(holder::writer(db.home()).unwrap(), None, "nobody else");
        assert_eq!(holder::blocker(db.home()).unwrap(), None, "nor by the ticket, which is this process' own");
        // A descriptor that was closed would have taken the lock along: only another process can see that.
        assert_eq!(Other::plays("asks", &db).says(), own);
    }
    write.commit().await.unwrap();
    assert_eq!(Other::plays("asks", &db).says(), "None");
    // What keeps the file from being set aside is a lock too: this process shares the database itself.
    assert!(Other::plays("exclusive", &db).says().contains("locked"), "a stranger got the whole file");
}

#[tokio::test]
async fn l2_a_writer_is_found_and_only_one_of_ours_is_called_so() {
    let (_folder, db) = fresh().await;
    assert_eq!(holder::blocker(db.home()).unwrap(), None);
    for (part, ours) in [("foreign", Ours::No), ("ours", Ours::Yes)] {
        let mut other = Other::plays(part, &db);
        other.says();
        let found = holder::blocker(db.home()).unwrap().unwrap();
        assert_eq!(found, other.holder(), "{part}");
        let seen = holder::seen(db.home(), &found);
        assert_eq!((seen.ours, seen.standing, seen.at_post), (ours, Standing::Running, false), "{part}");
        assert!(holder::called(&found).ends_with(&format!(" (pid {})", other.child.id())), "{part}");
        drop(other);
        assert_eq!(holder::blocker(db.home()).unwrap(), None, "{part}: its locks went with it");
    }
}

#[tokio::test]
async fn l2_who_has_the_whole_file_is_found_though_there_is_no_shm() {
    let (_folder, db) = fresh().await;
    let home = db.home().clone();
    db.full.close().await;
    db.normal.close().await;
    let mut other = Other::plays("exclusive", &db);
    other.says();
    let found = holder::writer(&home).unwrap().unwrap();
    assert_eq!((holder::seen(&home, &found).ours, found), (Ours::No, other.holder()));
}

#[tokio::test]
async fn l2_who_has_the_ticket_is_told_from_those_that_wait_for_it() {
    let (_folder, db) = fresh().await;
    let mut first = Other::plays("ticket", &db);
    first.says();
    let second = Other::plays("ours", &db);
    wait_until_it_waits(second.child.id());
    let found = holder::blocker(db.home()).unwrap().unwrap();
    assert_eq!((holder::seen(db.home(), &found).ours, found), (Ours::Yes, first.holder()));
}

/// Linux tells who waits for a lock. Where nobody tells, the test goes on and is right all the same.
fn wait_until_it_waits(pid: u32) {
    let started = Instant::now();
    let waits = || {
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        Some(locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&format!(" {pid} "))))
    };
    while waits() == Some(false) {
        assert!(started.elapsed() < Duration::from_mins(1), "it does not wait");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn l2_every_commit_is_progress_and_holding_is_none() {
    let (_folder, db) = fresh().await;
    let before = holder::mark(db.home());
    let mut write = db.begin(Durability::Normal).await.unwrap();
    assert_eq!(holder::mark(db.home()), before);
    sqlx::query("INSERT INTO meta (key, value) VALUES ('test', '1')").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    assert_ne!(holder::mark(db.home()), before);
}

#[test]
fn a_process_that_is_gone_or_cannot_be_seen_is_neither_ours_nor_a_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    std::fs::write(home.lock("db"), "").unwrap();
    let own = Identity::own().unwrap();
    assert_eq!(holder::ours(&home, &own), Ours::No);
    let _open = Lock::try_take(&home.lock("db"), Mode::Shared).unwrap();
    assert_eq!(holder::ours(&home, &own), Ours::Yes);
    let reused = Identity { start: own.start + 1, ..own };
    assert_eq!(holder::ours(&home, &reused), Ours::CannotTell, "the PID is another's now");
    assert_eq!(holder::seen(&home, &Holder::Unseen).ours, Ours::CannotTell);
}
