//! The pause in the claim: nothing new begins, what lives is taken up, and it ends by its time.

use super::*;
use crate::{clock, db::intake::Incoming};
use agentlab_domain::{command::Command, intake::Decision, pause::Until, rate::Limits};

const HOUR_MS: i64 = 3_600_000;

async fn with_tasks(many: i64) -> (tempfile::TempDir, Db) {
    let (folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 1..=many {
        db.enqueue(&from_chat(n, n, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    (folder, db)
}

async fn depth(db: &Db) -> u64 {
    db.alert_facts().await.unwrap().depth
}

#[tokio::test]
async fn while_paused_nothing_new_is_claimed_and_a_run_that_lives_is_taken_up() {
    let (_folder, db) = with_tasks(2).await;
    let first = db.claim("w").await.unwrap().unwrap();
    assert!(first.fresh);
    let paused = db.pause(None, "the terminal").await.unwrap().unwrap();
    assert_eq!((paused.until, paused.by.as_str()), (None, "the terminal"));
    assert_eq!(db.claim("w").await.unwrap(), None);
    assert_eq!(depth(&db).await, 0, "more workers would not help, so nobody is told that there are too few");
    assert!(db.release("w", &first.job_id).await.unwrap());
    let again = db.claim("w").await.unwrap().expect("a run that lives is taken up");
    assert_eq!((&again.run_id, again.fresh), (&first.run_id, false));
    // What fails meanwhile is not tried again before the pause is over.
    finish(&db, &again, Outcome::Lost, Next::Retry { at: 0 }).await;
    assert_eq!(db.claim("w").await.unwrap(), None);
    assert!(db.resume("the terminal").await.unwrap());
    assert!(!db.resume("the terminal").await.unwrap(), "there was none any more");
    assert!(db.claim("w").await.unwrap().unwrap().fresh);
    assert!(db.claim("w").await.unwrap().unwrap().fresh);
    let audit: Vec<(String, String)> =
        sqlx::query_as("SELECT action, subject FROM audit ORDER BY id").fetch_all(db.read()).await.unwrap();
    let audit: Vec<(&str, &str)> = audit.iter().map(|(action, subject)| (action.as_str(), subject.as_str())).collect();
    assert_eq!(audit, [("pause", "until somebody resumes"), ("resume", "everything")]);
    consistent(&db).await;
}

#[tokio::test]
async fn a_pause_ends_by_its_time_and_whoever_waits_looks_then() {
    let (_folder, db) = with_tasks(1).await;
    let until = clock::now_ms() + HOUR_MS;
    db.pause(Some(until), "the page").await.unwrap();
    assert_eq!(db.next_run_at().await.unwrap(), Some(until), "somebody looks in time");
    assert_eq!(db.claim("w").await.unwrap(), None);
    // Another place opens the same file: it is a row.
    let other = Db::open(db.home()).await.unwrap();
    assert_eq!(other.paused().await.unwrap().and_then(|paused| paused.until), Some(until));
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query("UPDATE pause SET until = ?1").bind(clock::now_ms()).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(db.paused().await.unwrap(), None);
    assert!(!db.resume("the page").await.unwrap(), "it was over by itself");
    assert!(db.claim("w").await.unwrap().unwrap().fresh);
}

async fn says(db: &Db, update_id: i64, decision: &Decision) -> String {
    let limits = Limits { per_minute: 100, per_hour: 100 };
    let incoming = Incoming {
        bot_id: 1,
        update_id,
        raw: "{}",
        decision,
        place: place("p", Isolation::None),
        prepared: "",
        limits,
        supervised: true,
    };
    db.take_in(&incoming).await.unwrap();
    sqlx::query_scalar("SELECT json_extract(body, '$.text') FROM outbox ORDER BY id DESC LIMIT 1")
        .fetch_one(db.read())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_chat_pauses_is_told_of_it_with_each_task_and_resumes() {
    let (_folder, db) = fresh().await;
    let chat = Place { chat: 1, topic: None };
    let command = |message, command| Decision::Command { user: 5, place: chat, message, command };
    let words = says(&db, 1, &command(1, Command::Resume)).await;
    assert_eq!(words, "Nothing is paused.");
    let past = Some(Until::On { year: 2020, month: 1, day: 1, hour: 0, minute: 0 });
    let words = says(&db, 2, &command(2, Command::Pause { until: past })).await;
    assert!(words.starts_with("Nothing is paused: this time is past"), "{words}");
    assert_eq!(db.paused().await.unwrap(), None);
    let words = says(&db, 3, &command(3, Command::Pause { until: Some(Until::In(2 * HOUR_MS)) })).await;
    assert!(words.starts_with("Paused until ") && words.contains("by user 5"), "{words}");
    let job = Decision::Job { user: 5, place: chat, message: 4, prompt: "x".into() };
    let words = says(&db, 4, &job).await;
    assert!(words.starts_with("Task 1: accepted. Paused until ") && words.ends_with("it is kept."), "{words}");
    let words = says(&db, 5, &command(5, Command::Resume)).await;
    assert_eq!(words, "Resumed: waiting tasks begin again.");
    assert_eq!(
        says(&db, 6, &Decision::Job { user: 5, place: chat, message: 6, prompt: "y".into() }).await,
        "Task 2: accepted, 1 task of this chat before it"
    );
}
