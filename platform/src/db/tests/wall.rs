//! A clock that is set while rows wait by it. The row of the last look is moved, and so is what was written: to the program it is the
//! clock that moved.

use super::*;
use crate::{
    clock,
    db::{prune::Kind, wall},
};
use agentlab_domain::{
    budget::Verdict,
    retention::{self, Ages, Pressure},
    wall::Moved,
};

const DAYS: i64 = 10 * 24 * 3_600_000;

async fn change(db: &Db, statement: &'static str) {
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query(statement).bind(DAYS).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

async fn number(db: &Db, question: &'static str) -> i64 {
    sqlx::query_scalar(question).bind(clock::now_ms()).fetch_one(db.read()).await.unwrap()
}

/// The clock was so far ahead until this moment, and everybody knew it by that.
async fn was_ahead(db: &Db) {
    db.watch_clock().await.unwrap();
    change(db, "UPDATE clock SET wall_ms = wall_ms + ?1").await;
}

/// The clock was so far behind until this moment.
async fn was_behind(db: &Db) {
    db.watch_clock().await.unwrap();
    change(db, "UPDATE clock SET wall_ms = wall_ms - ?1, believed_ms = believed_ms - ?1").await;
}

#[tokio::test]
async fn a_clock_that_nobody_sets_is_looked_at_and_nothing_is_written() {
    let (_folder, db) = fresh().await;
    assert_eq!(db.watch_clock().await.unwrap(), Moved::No);
    let seen = number(&db, "SELECT boot_ms FROM clock").await;
    assert_eq!(db.watch_clock().await.unwrap(), Moved::No);
    assert_eq!(number(&db, "SELECT boot_ms FROM clock").await, seen);
    assert!((db.believed_now().await.unwrap() - clock::now_ms()).abs() < 60_000);
}

#[tokio::test]
async fn nobody_waits_ten_days_once_it_was_set_back() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    let at = clock::now_ms() + DAYS + 3_600_000;
    let limit = Outcome::UsageLimit { resets_at: None };
    finish(&db, &claim, limit, Next::Park { at, cause: ParkedFor::UsageLimit }).await;
    let mut write = db.begin(Durability::Full).await.unwrap();
    crate::db::said::once(&mut write, "k", Place { chat: 9, topic: None }, "wait").await.unwrap();
    write.commit().await.unwrap();
    change(&db, "UPDATE outbox SET not_before = CAST(unixepoch() AS INTEGER) * 1000 + ?1").await;
    db.pause(Some(clock::now_ms() + DAYS + 3_600_000), "the terminal").await.unwrap();
    change(&db, "UPDATE pause SET since = since + ?1").await;
    change(&db, "UPDATE hold SET since = since + ?1").await;
    assert_eq!((db.claim("w").await.unwrap(), db.due().await.unwrap().len()), (None, 0), "they wait");
    was_ahead(&db).await;
    assert!(matches!(db.watch_clock().await.unwrap(), Moved::Back(by) if (by - DAYS).abs() < 60_000));
    let until = db.paused().await.unwrap().unwrap().until.unwrap() - clock::now_ms();
    assert!((3_000_000..=3_600_000).contains(&until), "the pause lasts for its hour: {until}");
    assert!(!db.due().await.unwrap().is_empty(), "what is owed goes out");
    db.resume("the terminal").await.unwrap();
    assert_eq!(db.claim("w").await.unwrap().map(|claim| claim.attempt), Some(2));
    assert_eq!(db.watch_clock().await.unwrap(), Moved::No, "it is seen once");
}

#[tokio::test]
async fn a_budget_is_there_once_whichever_way_the_clock_is_set() {
    let limits = Limits { day: Some(300_000), ..Limits::default() };
    for ahead in [true, false] {
        let (_folder, db) = fresh().await;
        worker(&db, "w").await;
        db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
        let claim = db.claim("w").await.unwrap().unwrap();
        // A quarter of a dollar.
        finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
        if ahead {
            change(&db, "UPDATE spend SET reserved_at = reserved_at + ?1").await;
            was_ahead(&db).await;
        } else {
            change(&db, "UPDATE spend SET reserved_at = reserved_at - ?1").await;
            was_behind(&db).await;
        }
        let mut write = db.begin(Durability::Full).await.unwrap();
        let verdict = crate::db::budget::verdict(&mut write, &limits, "", None).await.unwrap();
        assert!(matches!(verdict, Verdict::Reserve(50_000)), "ahead {ahead}: {verdict:?}");
        write.commit().await.unwrap();
        assert_eq!(number(&db, "SELECT COUNT(*) FROM spend WHERE reserved_at > ?1").await, 0);
    }
}

/// How many updates are old by the believed time.
async fn forgotten(db: &Db) -> u64 {
    let now = db.believed_now().await.unwrap();
    let before = retention::before(Ages::default(), Pressure::Enough, now).updates;
    db.prune(Kind::Updates, before, 10).await.unwrap().rows
}

#[tokio::test]
async fn nothing_is_forgotten_by_a_clock_that_was_just_set_forward() {
    let (_folder, db) = fresh().await;
    was_behind(&db).await;
    // Of a moment ago, as the clock was then.
    change(
        &db,
        "INSERT INTO telegram_update (bot_id, update_id, raw, decision, received_at)
         VALUES (1, 1, '', 'ignored', CAST(unixepoch() AS INTEGER) * 1000 - ?1)",
    )
    .await;
    assert!(matches!(db.watch_clock().await.unwrap(), Moved::Forward(_)));
    assert_eq!(forgotten(&db).await, 0);
    let behind = clock::now_ms() - db.believed_now().await.unwrap();
    assert!((behind - DAYS).abs() < 60_000, "{behind}");
    // It has stood for a day.
    change(&db, "UPDATE clock SET steady_ms = 86400000 WHERE ?1 > 0").await;
    assert_eq!(forgotten(&db).await, 1);
}

#[tokio::test]
async fn the_start_of_a_system_sees_it_too() {
    let (_folder, db) = fresh().await;
    was_ahead(&db).await;
    change(&db, "UPDATE clock SET boot = 'another' WHERE ?1 > 0").await;
    db.pause(Some(clock::now_ms() + DAYS + 1), "the terminal").await.unwrap();
    change(&db, "UPDATE pause SET since = since + ?1").await;
    db.look_again().await.unwrap();
    let mut write = db.begin(Durability::Normal).await.unwrap();
    assert_eq!(wall::account(&mut write).await.unwrap(), Moved::No);
    write.commit().await.unwrap();
    assert_eq!(db.paused().await.unwrap(), None, "its millisecond is over");
}
