//! Reports and uptime in rows, and the weekly summary: once, to somebody, about something.

use agentlab_domain::uptime::Passed;

use super::*;
use crate::{calendar::Week, clock};

const HOUR: i64 = 3_600_000;

/// The week that began a week before `until`.
fn week(until: i64) -> Week {
    Week { from: until - 7 * 24 * HOUR, until, first_day: "2026-11-16".into(), last_day: "2026-11-22".into() }
}

async fn sent(db: &Db) -> Vec<(i64, String)> {
    let query = "SELECT chat, json_extract(body, '$.text') FROM outbox WHERE kind = 'notice' ORDER BY id";
    sqlx::query_as(query).fetch_all(db.read()).await.unwrap()
}

#[tokio::test]
async fn a_report_has_the_numbers_of_its_time() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 1..=4 {
        db.enqueue(&from_chat(n, n, place("p", Isolation::None))).await.unwrap();
    }
    for next in [Next::Done, Next::Done, Next::Failed] {
        let claim = db.claim("w").await.unwrap().unwrap();
        let outcome = if next == Next::Done { Outcome::Succeeded } else { Outcome::Refused("x".into()) };
        finish(&db, &claim, outcome, next).await;
    }
    db.cancel(4, "Ann").await.unwrap();
    let [of_week, of_month] = db.reports().await.unwrap();
    assert_eq!((of_week.done, of_week.failed, of_week.cancelled), (2, 1, 1));
    assert_eq!((of_week.days, of_month.days), (7, 30));
    assert!((of_week.error_rate.unwrap() - 1.0 / 3.0).abs() < 1e-9 && (of_week.usd - 0.75).abs() < 1e-9);
    assert!((of_week.per_day - 3.0).abs() < 1e-9, "of a system that is not a day old: {}", of_week.per_day);
    assert!(of_week.p50_ms <= of_week.p95_ms && of_week.p95_ms.is_some());
    let before = db.report(0, clock::now_ms() - HOUR).await.unwrap();
    assert!(before.is_empty() && before.p50_ms.is_none() && before.error_rate.is_none(), "{before:?}");
}

#[tokio::test]
async fn uptime_is_added_up_by_the_hour_and_old_hours_are_forgotten() {
    let (_folder, db) = fresh().await;
    assert_eq!(db.uptime().await.unwrap().day, None);
    let old =
        "INSERT INTO uptime (hour, first_at, last_at, watched_ms, served_ms) VALUES (0, 0, 3600000, 3600000, 3600000)";
    let mut write = db.begin(Durability::Full).await.unwrap();
    sqlx::query(old).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    for _ in 0..3 {
        db.watched(Passed { watched_ms: 20_000, served_ms: 10_000 }).await.unwrap();
    }
    let old = clock::now_ms() - agentlab_domain::retention::HOURS_DAYS * 24 * HOUR;
    assert_eq!(db.prune(crate::db::prune::Kind::Hours, old, 10).await.unwrap().rows, 1);
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("SELECT SUM(watched_ms), SUM(served_ms) FROM uptime").fetch_all(db.read()).await.unwrap();
    assert_eq!(rows, [(60_000, 30_000)], "of the present, alone");
    let counted = db.tallies().await.unwrap();
    assert_eq!(counted.sum(tally::names::SERVED), 3_600_000 + 30_000);
    let days = db.uptime_days().await.unwrap();
    assert_eq!(days.len(), 30);
    assert!(days[..28].iter().all(|day| day.ratio.is_none()) && days[29].ratio.is_some(), "{days:?}");
}

#[tokio::test]
async fn the_summary_of_a_week_goes_to_the_owner_once() {
    let (_folder, db) = fresh().await;
    let db = db.under(Terms { limits: agentlab_domain::budget::Limits::default(), owner: Some(9), floor_mb: None });
    let until = clock::now_ms() + HOUR;
    assert!(!db.send_weekly(&week(until), true).await.unwrap(), "nothing happened");
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    assert!(!db.send_weekly(&week(until), false).await.unwrap(), "nobody wants it");
    let nobody = db.clone().under(Terms::default());
    assert!(!nobody.send_weekly(&week(until), true).await.unwrap(), "there is nobody to tell");
    assert!(!db.send_weekly(&week(until - 2 * 24 * HOUR), true).await.unwrap(), "a week in which nothing happened");
    let twice = [week(until), week(until)];
    let told: Vec<bool> = futures::future::join_all(twice.iter().map(|week| db.send_weekly(week, true)))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(told.iter().filter(|told| **told).count(), 1, "{told:?}");
    assert!(!db.send_weekly(&week(until), true).await.unwrap());
    let sent = sent(&db).await;
    assert_eq!((sent.len(), sent[0].0), (1, 9));
    assert!(sent[0].1.contains("The week from 2026-11-16 to 2026-11-22"), "{sent:?}");
}
