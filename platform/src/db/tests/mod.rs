//! The database with racing connections: what the indexes, the fences and the lanes hold.

mod breaker;
mod crashes;
mod delivery;
mod fits;
mod holder;
mod interventions;
mod orphans;
mod pause;
mod reports;
mod tallies;
mod terms;
mod upgrade;
mod waiting;
mod wal;
mod wall;

use std::{collections::HashSet, time::Duration};

use agentlab_domain::{
    answer,
    chat::Place,
    circuit::Calls,
    isolation::Isolation,
    job::State,
    outcome::{End, Exit, Outcome, ResultEvent},
    progress::Progress,
    retry::{History, Next, ParkedFor, uses_attempt},
};

use super::{
    cancel::Cancel,
    claim::Claim,
    enqueue::{NewJob, Source},
    finish::{Began, Finish, Finished},
    *,
};
use crate::config;

const EXIT: Exit = Exit { end: End::Exited, code: Some(0), signal: None, out_of_memory: false };

async fn fresh() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&Home::at(folder.path().join("h")).unwrap()).await.unwrap();
    (folder, db)
}

fn place(name: &str, isolation: Isolation) -> config::Place {
    config::Place { project: name.into(), path: format!("/nowhere/{name}").into(), isolation }
}

fn from_chat(update_id: i64, chat: i64, place: config::Place) -> NewJob {
    let source =
        Source::Telegram { bot_id: 1, update_id, user: 5, place: Place { chat, topic: None }, message: update_id };
    NewJob { source, place, prompt: format!("task {update_id}"), resumes: None }
}

/// A worker's row in apalis' table, which a lease refers to.
async fn worker(db: &Db, name: &str) {
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query("INSERT INTO Workers (id, worker_type, storage_name) VALUES (?1, 'agentlab', 'agentlab')")
        .bind(name)
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn finish(db: &Db, claim: &Claim, outcome: Outcome, next: Next) -> Finished {
    let result = ResultEvent { cost_usd: Some(0.25), ..ResultEvent::default() };
    let messages = [answer::reply("the answer"), answer::reply("its second part")];
    let finish = Finish {
        exit: &EXIT,
        outcome: &outcome,
        next,
        uses_attempt: uses_attempt(&outcome, History::default()),
        began: Some(Began::default()),
        result: Some(&result),
        answer: "the answer",
        messages: &messages,
        notice: None,
        calls: Calls::default(),
        called_at: 0,
    };
    db.finish(claim, &finish).await.unwrap()
}

/// `job.state` and `Jobs.status` tell the same story.
async fn consistent(db: &Db) {
    let rows: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT job.state, q.status, q.lock_by FROM job JOIN Jobs q ON q.id = job.id")
            .fetch_all(db.read())
            .await
            .unwrap();
    for (state, status, lease) in rows {
        let expected = State::parse(&state).unwrap().queue_status();
        let expected = if lease.is_some() { "Running" } else { expected };
        assert_eq!(status, expected, "{state} with lease {lease:?}");
    }
}

#[tokio::test]
async fn three_workers_claim_every_job_once_in_the_order_of_its_lane() {
    let (_folder, db) = fresh().await;
    for n in 0..30 {
        db.enqueue(&from_chat(n, n % 4, place(&format!("p{}", n % 4), Isolation::None))).await.unwrap();
    }
    let mut done: Vec<(i64, i64)> = Vec::new();
    let home = db.home().clone();
    let workers = (1..=3).map(|slot| {
        let home = home.clone();
        async move {
            // A database of its own, as another process has.
            let db = Db::open(&home).await.unwrap();
            let name = format!("worker-{slot}.X");
            worker(&db, &name).await;
            let mut done = Vec::new();
            while let Some(claim) = db.claim(&name).await.unwrap() {
                tokio::task::yield_now().await;
                assert_eq!(finish(&db, &claim, Outcome::Succeeded, Next::Done).await, Finished::Settled);
                done.push((claim.number, claim.chat.unwrap()));
            }
            done
        }
    });
    for found in futures::future::join_all(workers).await {
        done.extend(found);
    }
    let numbers: HashSet<i64> = done.iter().map(|(number, _)| *number).collect();
    assert_eq!((done.len(), numbers.len()), (30, 30));
    let order: Vec<(i64, i64)> =
        sqlx::query_as("SELECT job.chat, job.number FROM run JOIN job ON job.id = run.job_id ORDER BY run.rowid")
            .fetch_all(db.read())
            .await
            .unwrap();
    for chat in 0..4 {
        let of_chat: Vec<i64> = order.iter().filter(|(c, _)| *c == chat).map(|(_, number)| *number).collect();
        assert!(of_chat.is_sorted(), "chat {chat}: {of_chat:?}");
    }
    consistent(&db).await;
}

#[tokio::test]
async fn r7_a_head_whose_directory_is_in_use_is_passed_over_and_never_refused_by_the_index() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for (n, isolation) in [(1, Isolation::Exclusive), (2, Isolation::Exclusive), (3, Isolation::None)] {
        db.enqueue(&from_chat(n, n, place("p", isolation))).await.unwrap();
    }
    db.enqueue(&from_chat(4, 4, place("q", Isolation::Exclusive))).await.unwrap();
    let first = db.claim("w").await.unwrap().unwrap();
    let other = db.claim("w").await.unwrap().unwrap();
    assert_eq!((first.number, other.number), (1, 4));
    assert_eq!(db.claim("w").await.unwrap(), None, "neither exclusive nor none beside an exclusive run");
    finish(&db, &first, Outcome::Succeeded, Next::Done).await;
    assert_eq!(db.claim("w").await.unwrap().unwrap().number, 2);
    consistent(&db).await;
}

#[tokio::test]
async fn a_released_run_is_claimed_again_before_anything_new_whatever_its_run_at() {
    let (_folder, db) = fresh().await;
    worker(&db, "worker-1.A").await;
    worker(&db, "worker-2.B").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("worker-1.A").await.unwrap().unwrap();
    db.enqueue(&from_chat(2, 2, place("q", Isolation::None))).await.unwrap();
    let mut write = db.begin(Durability::Full).await.unwrap();
    sqlx::query("UPDATE job SET run_at = ?1").bind(i64::MAX).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(db.release_slot(1).await.unwrap(), 1);
    let again = db.claim("worker-2.B").await.unwrap().unwrap();
    assert_eq!((again.run_id, again.token, again.fresh), (claim.run_id.clone(), claim.token.clone(), false));
    // The late finish of whoever lost the lease changes nothing.
    assert_eq!(finish(&db, &claim, Outcome::Succeeded, Next::Done).await, Finished::LeaseLost);
    consistent(&db).await;
}

#[tokio::test]
async fn a_retry_holds_its_lane_and_a_park_burns_no_attempt() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    db.enqueue(&from_chat(2, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    finish(&db, &claim, Outcome::UsageLimit { resets_at: None }, Next::Park { at: 0, cause: ParkedFor::UsageLimit })
        .await;
    assert_eq!(db.history(&claim).await.unwrap().used, 0);
    let claim = db.claim("w").await.unwrap().unwrap();
    assert_eq!((claim.number, claim.attempt), (1, 2));
    finish(&db, &claim, Outcome::Lost, Next::Retry { at: crate::clock::now_ms() + 50_000 }).await;
    let history = db.history(&claim).await.unwrap();
    assert_eq!((history.used, history.lost), (1, 1));
    assert_eq!(db.claim("w").await.unwrap(), None, "what came after it waits");
    assert!(matches!(db.cancel(1, "Ann").await.unwrap(), Cancel::Cancelled { number: 1 }));
    assert_eq!(db.claim("w").await.unwrap().unwrap().number, 2, "the lane has a new head");
    consistent(&db).await;
}

#[tokio::test]
async fn r8_cancel_asks_a_living_run_and_ends_what_has_none() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    let job = db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    // Released but living: the row says running and nobody holds it.
    db.release("w", &job.id).await.unwrap();
    assert!(matches!(db.cancel(1, "Ann").await.unwrap(), Cancel::Stopping { .. }));
    let claim = Claim { worker: "w".into(), ..db.claim("w").await.unwrap().unwrap_or(claim) };
    let watch = db.progress(&claim, &Progress::default(), None, (Calls::default(), 0)).await.unwrap();
    assert_eq!((watch.stop_by.as_deref(), watch.leased), (Some("Ann"), true));
    finish(&db, &claim, Outcome::Stopped { by: "Ann".into() }, Next::Cancelled).await;
    assert!(matches!(db.cancel(1, "Bob").await.unwrap(), Cancel::Ended { .. }));
    assert_eq!(db.cancel(9, "Bob").await.unwrap(), Cancel::NotFound);
    consistent(&db).await;
}

#[tokio::test]
async fn a_writer_that_never_heard_of_the_ticket_is_waited_for_and_then_named() {
    let (_folder, db) = fresh().await;
    let foreign = sqlx::sqlite::SqliteConnectOptions::new().filename(db.home().database());
    let mut foreign = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&foreign).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut foreign).await.unwrap();
    let job = from_chat(1, 1, place("p", Isolation::None));
    let waiting = db.enqueue(&job);
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(700), &mut waiting).await;
    assert!(early.is_err(), "it waits");
    sqlx::query("COMMIT").execute(&mut foreign).await.unwrap();
    assert_eq!(waiting.await.unwrap().number, 1);
}

#[tokio::test]
async fn r8_a_stop_asked_while_the_run_was_ending_by_itself_is_not_lost() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    db.cancel(1, "Ann").await.unwrap();
    let finished = finish(&db, &claim, Outcome::Crashed("x".into()), Next::Retry { at: 0 }).await;
    assert_eq!(finished, Finished::StopAsked { by: "Ann".into() });
    let finished = finish(&db, &claim, Outcome::Stopped { by: "Ann".into() }, Next::Cancelled).await;
    assert_eq!(finished, Finished::Settled);
    consistent(&db).await;
}

#[tokio::test]
async fn an_idle_worker_holds_nothing() {
    let (_folder, db) = fresh().await;
    worker(&db, "worker-7.A").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("worker-7.A").await.unwrap().unwrap();
    assert_eq!(db.leased_slots().await.unwrap(), [7]);
    db.release_own("worker-7.A").await.unwrap();
    assert_eq!(db.claim("worker-7.A").await.unwrap().unwrap().run_id, claim.run_id);
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_poisons_no_connection() {
    let (_folder, db) = fresh().await;
    for durability in [Durability::Full, Durability::Normal] {
        for _ in 0..3 {
            let mut write = db.begin(durability).await.unwrap();
            // What a full disk does behind sqlx's back.
            sqlx::query("ROLLBACK").execute(&mut *write).await.unwrap();
            assert!(write.commit().await.is_err());
        }
    }
    assert_eq!(db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap().number, 1);
}
