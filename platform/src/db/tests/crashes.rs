//! Crashes, recoveries and checkpoints in rows.

use agentlab_domain::{
    crash::Kind,
    ladder::Rung,
    role::{Post, Role},
};

use super::{super::*, fresh};
use crate::{clock, crash_history::Entry, identity::Identity, release};

const WORKER: Post = Post { role: Role::Worker, slot: 2 };

fn crash(at: i64, suspect: bool) -> Entry {
    let release = release::current();
    Entry {
        at,
        kind: Kind::Crash,
        process: WORKER.to_string(),
        name: Some(format!("worker-2.{at}")),
        version: release.version.to_owned(),
        commit: release.commit.map(str::to_owned),
        reason: "ended by signal 9".into(),
        was_ready: Some(true),
        suspect,
        unseen: false,
    }
}

async fn count(db: &Db, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(db.read()).await.unwrap()
}

#[tokio::test]
async fn whoever_enters_its_post_leaves_a_start() {
    let (_folder, db) = fresh().await;
    db.enter(WORKER, "worker-2.A", &Identity::own().unwrap(), "c").await.unwrap();
    db.enter(WORKER, "worker-2.B", &Identity::own().unwrap(), "c").await.unwrap();
    let starts = "SELECT COUNT(*) FROM v_crashes WHERE kind = 'start' AND process = 'worker-2' AND reason = ''";
    assert_eq!(count(&db, starts).await, 2);
    assert!(db.crashes_since(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_crash_has_one_row_however_often_it_is_told() {
    let (_folder, db) = fresh().await;
    let now = clock::now_ms();
    let entries = [crash(now - 2, false), crash(now - 1, false)];
    assert_eq!(db.crashed(&entries).await.unwrap(), 2);
    assert_eq!(db.crashed(&entries).await.unwrap(), 0);
    let start = Entry { kind: Kind::Start, ..crash(now, false) };
    let of_another_time = Entry { process: "gatekeeper".into(), ..crash(now, false) };
    assert_eq!(db.crashed(&[start, of_another_time, crash(now, true)]).await.unwrap(), 1);
    let rows = db.crashes_since(now - 1).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.at - now, row.suspect)).collect::<Vec<_>>(), [(-1, false), (0, true)]);
    assert!(rows.iter().all(|row| row.was_ready == Some(true) && row.slot == 2));
    assert_eq!(db.crashed(&[]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_suspicion_is_shown_for_a_day_and_to_its_own_release_alone() {
    let (_folder, db) = fresh().await;
    let now = clock::now_ms();
    let day = 24 * 3_600_000;
    db.crashed(&[crash(now - day - 1000, true), crash(now - 2000, false)]).await.unwrap();
    assert_eq!(db.suspicion().await.unwrap(), None);
    db.crashed(&[Entry { version: "0.0.9".into(), ..crash(now - 1500, true) }]).await.unwrap();
    db.crashed(&[Entry { commit: Some("another".into()), ..crash(now - 1400, true) }]).await.unwrap();
    assert_eq!(db.suspicion().await.unwrap(), None);
    db.crashed(&[crash(now - 1000, false), crash(now, true)]).await.unwrap();
    let found = db.suspicion().await.unwrap().unwrap();
    assert_eq!((found.crashes, found.at), (3, now));
    assert!(found.words.contains("is suspect: 3 crashes in 30 minutes"), "{}", found.words);
    assert_eq!(db.status().await.unwrap().suspicion, Some(found));
}

#[tokio::test]
async fn rows_of_a_month_ago_are_forgotten_some_with_each_new_one() {
    let (_folder, db) = fresh().await;
    let old = clock::now_ms() - 31 * 24 * 3_600_000;
    let entries: Vec<Entry> = (0..250).map(|number| crash(old + number, false)).collect();
    db.crashed(&entries).await.unwrap();
    let all = "SELECT COUNT(*) FROM crash";
    let left = count(&db, all).await;
    db.recovered(WORKER, Rung::Reset, true, "removed a stale socket").await.unwrap();
    assert_eq!(count(&db, all).await, left - 100);
    db.enter(WORKER, "worker-2.A", &Identity::own().unwrap(), "c").await.unwrap();
    db.enter(WORKER, "worker-2.B", &Identity::own().unwrap(), "c").await.unwrap();
    assert_eq!(count(&db, all).await, 2, "the starts are young");
    assert_eq!(count(&db, "SELECT COUNT(*) FROM recovery").await, 1);
}

#[tokio::test]
async fn a_rung_that_was_taken_has_a_row_with_its_effect() {
    let (_folder, db) = fresh().await;
    for (rung, changed) in Rung::ALL.into_iter().zip([true, false, true, true, false]) {
        db.recovered(WORKER, rung, changed, "words").await.unwrap();
    }
    let rows: Vec<(String, String, bool)> =
        sqlx::query_as("SELECT process, rung, changed FROM v_recoveries").fetch_all(db.read()).await.unwrap();
    let rungs: Vec<_> = rows.iter().map(|(_, rung, changed)| (rung.as_str(), *changed)).collect();
    assert_eq!(
        rungs,
        [("capped", false), ("release", true), ("reset", true), ("end_holders", false), ("restart", true)]
    );
    assert_eq!(rows[0].0, "worker-2");
}

#[tokio::test]
async fn a_checkpoint_moves_what_the_wal_holds_and_leaves_the_file() {
    let (_folder, db) = fresh().await;
    db.recovered(WORKER, Rung::Restart, true, &"x".repeat(20_000)).await.unwrap();
    let wal = db.home().path().join("agentlab.db-wal");
    let before = std::fs::metadata(&wal).unwrap().len();
    assert!(before > 20_000);
    let moved = db.checkpoint().await.unwrap();
    assert!(moved >= (before - 32) / (4096 + 24), "{moved} pages of {before} bytes");
    assert_eq!(std::fs::metadata(&wal).unwrap().len(), 0, "it begins anew, and is there");
    assert_eq!(db.checkpoint().await.unwrap(), 0, "nothing was left to move");
    assert_eq!(count(&db, "SELECT COUNT(*) FROM recovery").await, 1);
}

#[tokio::test]
async fn a_checkpoint_gives_up_soon_while_somebody_writes_or_reads() {
    let (_folder, db) = fresh().await;
    let others = Db::open(db.home()).await.unwrap();
    db.recovered(WORKER, Rung::Restart, true, "before").await.unwrap();
    let began = std::time::Instant::now();
    // A writer of ours: it has the ticket.
    let writer = others.begin(Durability::Normal).await.unwrap();
    assert_eq!(db.checkpoint().await.unwrap(), 0);
    writer.rollback().await.unwrap();
    // A stranger's writer has none, and a reader keeps what came after it in the WAL.
    let stranger = others.read().begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(db.checkpoint().await.unwrap(), 0, "while a stranger writes");
    stranger.rollback().await.unwrap();
    let mut reader = others.read().begin().await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM recovery").fetch_one(&mut *reader).await.unwrap();
    db.recovered(WORKER, Rung::Restart, true, "while it reads").await.unwrap();
    assert_eq!(db.checkpoint().await.unwrap(), 0, "while somebody reads");
    reader.rollback().await.unwrap();
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(db.checkpoint().await.unwrap() > 0, "afterwards it is possible");
}
