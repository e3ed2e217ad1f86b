//! What is counted of rows: it is right, it never goes back, and a hundred thousand rows do not make it slow.

use agentlab_domain::{
    ladder::Rung,
    role::{Post, Role},
    uptime::Passed,
};

use super::{
    super::prune::Kind,
    super::tally::{self, Going, Tallies, names},
    *,
};
use crate::{clock, identity::Identity};

/// Tasks of all kinds with their runs, messages and money, one of them still running; returns the ids of those that ended.
async fn a_day_of_work(db: &Db) -> Vec<String> {
    worker(db, "worker-1.A").await;
    worker(db, "worker-2.B").await;
    let mut ended = Vec::new();
    for (n, outcome) in [(1, Outcome::Succeeded), (2, Outcome::Refused("x".into()))] {
        ended.push(db.enqueue(&from_chat(n, n, place("p", Isolation::None))).await.unwrap().id);
        let claim = db.claim("worker-1.A").await.unwrap().unwrap();
        let next = if outcome == Outcome::Succeeded { Next::Done } else { Next::Failed };
        finish(db, &claim, outcome, next).await;
    }
    // Tried again, taken up by another worker, and done.
    ended.push(db.enqueue(&from_chat(3, 3, place("p", Isolation::None))).await.unwrap().id);
    let claim = db.claim("worker-1.A").await.unwrap().unwrap();
    finish(db, &claim, Outcome::Lost, Next::Retry { at: 0 }).await;
    db.claim("worker-1.A").await.unwrap().unwrap();
    db.release_own("worker-1.A").await.unwrap();
    let claim = db.claim("worker-2.B").await.unwrap().unwrap();
    assert!(!claim.fresh);
    finish(db, &claim, Outcome::Succeeded, Next::Done).await;
    ended.push(db.enqueue(&from_chat(4, 4, place("p", Isolation::None))).await.unwrap().id);
    db.cancel(4, "Ann").await.unwrap();
    db.enqueue(&from_chat(5, 5, place("p", Isolation::None))).await.unwrap();
    db.claim("worker-1.A").await.unwrap().unwrap();
    ended
}

fn one(tallies: &Tallies, name: &str, labels: &[(&str, &str)]) -> i64 {
    let is = |own: &tally::Labels| labels.iter().all(|(key, value)| own.get(*key).is_some_and(|own| own == value));
    tallies.of(name).filter(|(own, _)| is(own)).map(|(_, value)| value).sum()
}

#[tokio::test]
async fn every_row_is_counted_once() {
    let (_folder, db) = fresh().await;
    a_day_of_work(&db).await;
    let tallies = db.tallies().await.unwrap();
    let ended = |outcome| one(&tallies, names::TASKS_ENDED, &[("channel", "telegram"), ("outcome", outcome)]);
    assert_eq!(["done", "failed", "cancelled", "poison"].map(ended), [2, 1, 1, 0]);
    assert_eq!(tallies.sum(names::TASKS_ACCEPTED), 5);
    assert_eq!(one(&tallies, names::RUNS, &[("outcome", "succeeded")]), 2);
    assert_eq!(one(&tallies, names::RUNS, &[("outcome", "lost")]), 1);
    assert_eq!((tallies.sum(names::RETRIES), tallies.sum(names::ADOPTIONS)), (1, 1));
    // Four tasks were picked up; two were answered; four runs are over.
    assert_eq!((tallies.sum(names::PICKUPS), tallies.sum(names::ANSWERS), tallies.sum(names::RUN_TIMES)), (4, 2, 4));
    assert_eq!(tallies.sum(names::SPENT), 1_000_000, "four settled runs of $0.25");
}

#[tokio::test]
async fn no_counter_goes_back_when_rows_are_deleted() {
    let (_folder, db) = fresh().await;
    let ended = a_day_of_work(&db).await;
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query(
        "INSERT INTO outbox (kind, job_id, chat, body, state, delivered_revision, given_up, created_at)
         SELECT 'part', id, 1, '{}', 'delivered', 1, number % 2, 1 FROM job",
    )
    .execute(&mut *write)
    .await
    .unwrap();
    write.commit().await.unwrap();
    let post = Post { role: Role::Worker, slot: 2 };
    db.enter(post, "worker-2.A", &Identity::own().unwrap(), "c").await.unwrap();
    db.recovered(post, Rung::Reset, true, "x").await.unwrap();
    db.watched(Passed { watched_ms: 20_000, served_ms: 19_000 }).await.unwrap();
    let before = db.tallies().await.unwrap();
    assert!(before.sum(names::DELIVERED) > 0 && before.sum(names::GIVEN_UP) > 0 && before.sum(names::SERVED) > 0);
    let mut write = db.begin(Durability::Full).await.unwrap();
    tally::fold(&mut write, Going::Tasks(&ended)).await.unwrap();
    tally::fold(&mut write, Going::Crashes(&[1])).await.unwrap();
    tally::fold(&mut write, Going::Recoveries(&[1])).await.unwrap();
    let updates = sqlx::query_scalar("SELECT bot_id || ':' || update_id FROM telegram_update");
    let updates: Vec<String> = updates.fetch_all(&mut *write).await.unwrap();
    tally::fold(&mut write, Going::Updates(&updates)).await.unwrap();
    let hours: Vec<i64> = sqlx::query_scalar("SELECT hour FROM uptime").fetch_all(&mut *write).await.unwrap();
    tally::fold(&mut write, Going::Hours(&hours)).await.unwrap();
    let of_theirs = "IN (SELECT id FROM job WHERE ended_at IS NOT NULL)";
    for statement in [
        format!("DELETE FROM spend WHERE run_id IN (SELECT id FROM run WHERE job_id {of_theirs})"),
        format!("DELETE FROM run WHERE job_id {of_theirs}"),
        format!("DELETE FROM outbox WHERE job_id {of_theirs}"),
        format!("DELETE FROM job_lane WHERE job_id {of_theirs}"),
        "DELETE FROM job WHERE ended_at IS NOT NULL".into(),
        "DELETE FROM crash".into(),
        "DELETE FROM recovery".into(),
        "DELETE FROM telegram_update".into(),
        "DELETE FROM uptime".into(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
    let after = db.tallies().await.unwrap();
    let kept = |tallies: &Tallies| {
        let all = [
            names::TASKS_ACCEPTED,
            names::TASKS_ENDED,
            names::ANSWERS,
            names::PICKUPS,
            names::RUNS,
            names::RUN_TIMES,
            names::RETRIES,
            names::ADOPTIONS,
            names::SPENT,
            names::TURNS,
            names::DELIVERED,
            names::GIVEN_UP,
            names::STARTS,
            names::RECOVERIES,
            names::UPDATES,
            names::WATCHED,
            names::SERVED,
        ];
        all.map(|name| tallies.of(name).map(|(labels, value)| (labels.clone(), value)).collect::<Vec<_>>())
    };
    assert_eq!(kept(&before), kept(&after));
    assert_eq!(before, after, "and nothing else changed");
}

#[tokio::test]
async fn old_crashes_and_updates_go_on_being_counted_when_they_are_forgotten() {
    let (_folder, db) = fresh().await;
    let mut write = db.begin(Durability::Full).await.unwrap();
    for statement in [
        "INSERT INTO crash (at, kind, role, slot, version) VALUES (1, 'crash', 'bot', 0, '0.1.0'), (1, 'start', 'worker', 2, '0.1.0')",
        "INSERT INTO recovery (at, role, slot, rung, changed, words) VALUES (1, 'bot', 0, 'reset', 1, 'x')",
        "INSERT INTO telegram_update (bot_id, update_id, raw, decision, received_at) VALUES (1, 1, '', 'stranger', 1)",
        "INSERT INTO alert (key, rule, severity, subject, words, began) VALUES ('k', 'bot_down', 'critical', 'bot', 'x', 1)",
    ] {
        sqlx::query(statement).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
    let before = db.tallies().await.unwrap();
    db.recovered(Post { role: Role::Bot, slot: 0 }, Rung::Capped, false, "x").await.unwrap();
    db.prune(Kind::Updates, clock::now_ms(), 10).await.unwrap();
    db.prune(Kind::Alerts, clock::now_ms(), 10).await.unwrap();
    let rows: i64 = sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM crash) + (SELECT COUNT(*) FROM telegram_update) + (SELECT COUNT(*) FROM alert)",
    )
    .fetch_one(db.read())
    .await
    .unwrap();
    assert_eq!(rows, 0);
    let after = db.tallies().await.unwrap();
    for name in [names::CRASHES, names::STARTS, names::UPDATES, names::ALERTS] {
        assert_eq!((before.sum(name), after.sum(name)), (1, 1), "{name}");
    }
    assert_eq!(after.sum(names::RECOVERIES), 2, "the one that was forgotten, and the new one");
}

/// A figure, printed: `AGENTLAB_TEST_MANY=1 cargo test -p agentlab-platform -- --nocapture many_rows` has a hundred thousand tasks.
#[tokio::test]
async fn many_rows_are_counted_and_how_long_it_takes_is_printed() {
    let (_folder, db) = fresh().await;
    let many = if std::env::var("AGENTLAB_TEST_MANY").is_ok_and(|value| value == "1") { 100_000 } else { 1_000 };
    let numbers = format!("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {many})");
    let mut write = db.begin(Durability::Normal).await.unwrap();
    for (into, rows) in [
        (
            "job (number, id, state, channel, lane, chat, project, workspace, isolation, prompt, answer, accepted_at, ended_at)",
            "x, 'job' || x, CASE WHEN x % 10 = 0 THEN ?2 ELSE ?3 END, 'telegram', 'chat:1', 1, 'p', '/p', 'none',
             hex(zeroblob(300)), hex(zeroblob(1000)), ?1 - x * 25000, ?1 - x * 25000 + x % 60000",
        ),
        (
            "run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at, started_at, ended_at, outcome,
                  waited_ms, turns, input_tokens, output_tokens)",
            "'run' || x, 'job' || x, 1, 'token', 'over', 'session', '/p', 0, ?1 - x * 25000, ?1 - x * 25000,
             ?1 - x * 25000 + x % 60000, 'succeeded', x % 700, 3, 100, 10",
        ),
        (
            "spend (run_id, reserved_micro_usd, settled_micro_usd, reserved_at, settled_at)",
            "'run' || x, 0, 100, ?1 - x * 25000, ?1 - x * 25000",
        ),
        (
            "outbox (kind, job_id, chat, body, state, delivered_revision, created_at)",
            "'status', 'job' || x, 1, hex(zeroblob(1000)), 'delivered', 1, ?1 - x * 25000",
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(format!("INSERT INTO {into} {numbers} SELECT {rows} FROM n")))
            .bind(clock::now_ms())
            .bind(State::Failed.as_str())
            .bind(State::Done.as_str())
            .execute(&mut *write)
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    for _ in 0..3 {
        let began = std::time::Instant::now();
        assert_eq!(db.tallies().await.unwrap().sum(names::TASKS_ENDED), many);
        let (tallies, began) = (began.elapsed(), std::time::Instant::now());
        db.stock(3).await.unwrap();
        let (stock, began) = (began.elapsed(), std::time::Instant::now());
        db.reports().await.unwrap();
        println!("{many} tasks: tallies {tallies:?}, stock {stock:?}, reports {:?}", began.elapsed());
    }
}
