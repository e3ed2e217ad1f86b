//! Budgets, holds and sessions in the claim: what keeps a run from beginning keeps no living one from being taken up.

use agentlab_domain::{budget::Limits, retry::ParkedFor};

use super::*;
use crate::db::{begin::Started, session};

const DOLLAR: i64 = 1_000_000;

/// A database where a task may cost a dollar and a day `dollars`.
async fn with_budget(dollars: i64) -> (tempfile::TempDir, Db) {
    let (folder, db) = fresh().await;
    let limits = Limits { job: Some(DOLLAR), user_day: None, day: Some(dollars * DOLLAR), month: None };
    (folder, db.under(Terms { limits, owner: Some(9), floor_mb: None }))
}

async fn number(db: &Db, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(db.read()).await.unwrap()
}

#[tokio::test]
async fn r1_workers_that_claim_at_the_same_time_never_reserve_more_than_the_budget() {
    let (_folder, db) = with_budget(5).await;
    for n in 1..=10 {
        db.enqueue(&from_chat(n, n, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    let workers = (1..=4).map(|slot| {
        let (home, terms) = (db.home().clone(), db.terms().clone());
        async move {
            // A database of its own, as another process has.
            let db = Db::open(&home).await.unwrap().under(terms);
            let name = format!("worker-{slot}.X");
            worker(&db, &name).await;
            let mut claimed = 0;
            while db.claim(&name).await.unwrap().is_some() {
                claimed += 1;
                tokio::task::yield_now().await;
            }
            claimed
        }
    });
    let claimed: i64 = futures::future::join_all(workers).await.into_iter().sum();
    assert_eq!(claimed, 5);
    assert_eq!(number(&db, "SELECT SUM(reserved_micro_usd) FROM spend").await, 5 * DOLLAR);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM job WHERE state = 'parked' AND parked_for = 'budget'").await, 5);
    consistent(&db).await;
}

#[tokio::test]
async fn r10_a_run_settles_at_its_cost_or_at_its_whole_reservation_and_what_comes_back_wakes_who_waits() {
    let (_folder, db) = with_budget(1).await;
    worker(&db, "w").await;
    for n in 1..=2 {
        db.enqueue(&from_chat(n, n, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    let claim = db.claim("w").await.unwrap().unwrap();
    assert_eq!((claim.reserved, db.claim("w").await.unwrap()), (Some(DOLLAR), None));
    // It cost a quarter: the next one has three.
    finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
    let claim = db.claim("w").await.unwrap().unwrap();
    assert_eq!(claim.reserved, Some(750_000));
    let exit = Exit::without_status(End::Lost);
    let lost = Finish {
        exit: &exit,
        outcome: &Outcome::Lost,
        next: Next::Failed,
        uses_attempt: true,
        began: Some(Began::default()),
        result: None,
        calls: Calls::default(),
        called_at: 0,
        answer: "",
        messages: &[],
        notice: None,
    };
    db.finish(&claim, &lost).await.unwrap();
    assert_eq!(number(&db, "SELECT SUM(settled_micro_usd) FROM spend").await, DOLLAR);
    // The owner hears of the whole of it, once.
    let told: Vec<String> = sqlx::query_scalar("SELECT json_extract(body, '$.text') FROM outbox WHERE chat = 9")
        .fetch_all(db.read())
        .await
        .unwrap();
    assert_eq!(told, ["Today's budget of $1.00 is 100 % spent ($1.00). New tasks wait."]);
}

#[tokio::test]
async fn r7_a_living_run_is_taken_up_whatever_hold_budget_and_time_say_and_a_new_one_is_not_begun() {
    let (_folder, db) = with_budget(1).await;
    worker(&db, "worker-1.A").await;
    for n in 1..=3 {
        db.enqueue(&from_chat(n, n, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    let living = db.claim("worker-1.A").await.unwrap().unwrap();
    let limited = db.claim("worker-1.A").await.unwrap();
    assert_eq!(limited, None, "nothing remains");
    let mut write = db.begin(Durability::Full).await.unwrap();
    super::super::hold::set(&mut write, ParkedFor::UsageLimit, crate::clock::now_ms() + 60_000, "").await.unwrap();
    sqlx::query("UPDATE job SET run_at = ?1").bind(i64::MAX).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    db.release("worker-1.A", &living.job_id).await.unwrap();
    let again = db.claim("worker-1.A").await.unwrap().unwrap();
    assert_eq!((again.run_id, again.fresh), (living.run_id, false));
    assert_eq!(db.claim("worker-1.A").await.unwrap(), None);
}

#[tokio::test]
async fn r3_a_run_that_cannot_be_told_over_waits_and_is_then_taken_up_and_not_begun_anew() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    let until = crate::clock::now_ms() + 150;
    db.hold_run(&claim, until).await.unwrap();
    consistent(&db).await;
    assert_eq!(db.claim("w").await.unwrap(), None);
    assert_eq!(db.next_run_at().await.unwrap(), Some(until), "somebody looks in time");
    assert!(matches!(db.cancel(1, "Ann").await.unwrap(), Cancel::Stopping { .. }), "its run may live (rule R8)");
    let again = loop {
        if let Some(claim) = db.claim("w").await.unwrap() {
            break claim;
        }
    };
    assert_eq!((again.run_id, again.fresh), (claim.run_id, false));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM job WHERE state = 'running' AND parked_for IS NULL").await, 1);
}

#[tokio::test]
async fn a_lane_goes_on_with_its_session_and_one_that_was_set_aside_is_never_chosen_again() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 1..=4 {
        db.enqueue(&from_chat(n, 1, place("p", Isolation::None))).await.unwrap();
    }
    let first = db.claim("w").await.unwrap().unwrap();
    let started = Started { rehearsed: true, opened: agentlab_domain::session::Opened::New, instructions: Some("abc") };
    db.run_started(&first, &started).await.unwrap();
    // Interrupted, it goes on in the same session and is told so.
    finish(&db, &first, Outcome::Crashed("x".into()), Next::Retry { at: 0 }).await;
    let again = db.claim("w").await.unwrap().unwrap();
    assert_eq!((&again.session, again.interrupted.as_deref()), (&first.session, Some("it ended without an answer")));
    finish(&db, &again, Outcome::Succeeded, Next::Done).await;
    let second = db.claim("w").await.unwrap().unwrap();
    assert_eq!((&second.session, &second.interrupted), (&first.session, &None));
    finish(&db, &second, Outcome::SessionLost("gone".into()), Next::Retry { at: 0 }).await;
    let anew = db.claim("w").await.unwrap().unwrap();
    assert_ne!(anew.session, first.session);
    assert!(db.began_anew(&anew.job_id).await.unwrap(), "the job knows that it lost its conversation");
    finish(&db, &anew, Outcome::Succeeded, Next::Done).await;
    assert_eq!(db.session(&first.session).await.unwrap(), None);
    // A fork names what it was copied from, and the copied one stays.
    let mut write = db.begin(Durability::Full).await.unwrap();
    let (from, copy) = session::fork(&mut write, "chat:1", "/nowhere/p").await.unwrap().unwrap();
    write.commit().await.unwrap();
    let forked = db.claim("w").await.unwrap().unwrap();
    assert_eq!((forked.session, forked.forked_from.as_deref()), (copy, Some(from.id.as_str())));
}

#[tokio::test]
async fn a_time_that_another_clock_wrote_keeps_nobody() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    // The clock ran ten days ahead when this was written, and was set back since.
    let ahead = crate::clock::now_ms() + 10 * 24 * 3_600_000;
    finish(&db, &claim, Outcome::Lost, Next::Retry { at: ahead }).await;
    let mut write = db.begin(Durability::Full).await.unwrap();
    super::super::hold::set(&mut write, ParkedFor::UsageLimit, ahead, "").await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(db.held().await.unwrap(), None);
    let claim = db.claim("w").await.unwrap().unwrap();
    db.hold_run(&claim, ahead).await.unwrap();
    assert_eq!(db.claim("w").await.unwrap().unwrap().run_id, claim.run_id);
}

#[tokio::test]
async fn r4_a_run_in_which_no_agent_began_costs_nothing_and_its_task_may_try_again() {
    let (_folder, db) = with_budget(5).await;
    worker(&db, "w").await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    for (outcome, began, settled) in [
        (Outcome::Unkept { moved: false }, None, 0),
        (Outcome::NotLoggedIn, Some(Began::default()), 0),
        (Outcome::Lost, Some(Began::default()), DOLLAR),
    ] {
        let claim = db.claim("w").await.unwrap().unwrap();
        let exit = Exit::without_status(End::Lost);
        let finish = Finish {
            exit: &exit,
            outcome: &outcome,
            next: Next::Retry { at: 0 },
            uses_attempt: true,
            began,
            result: None,
            calls: Calls::default(),
            called_at: 0,
            answer: "",
            messages: &[],
            notice: None,
        };
        db.finish(&claim, &finish).await.unwrap();
        assert_eq!(number(&db, "SELECT SUM(settled_micro_usd) FROM spend").await, settled, "{outcome:?}");
    }
    // What was never begun interrupted nothing; what was is told, though nobody noted its start.
    let db = db.under(Terms::default());
    let claim = db.claim("w").await.unwrap().unwrap();
    assert!(claim.interrupted.is_some());
    // And one that was left on another machine as what it was.
    crate::run_dir::RunDir::of(db.home(), &claim.run_id).note_moved().unwrap();
    sqlx::query("UPDATE run SET started_at = 1 WHERE id = ?1").bind(&claim.run_id).execute(db.read()).await.unwrap();
    finish(&db, &claim, Outcome::Unkept { moved: true }, Next::Retry { at: 0 }).await;
    let told = db.claim("w").await.unwrap().unwrap().interrupted.unwrap();
    assert!(told.contains("another machine"), "{told}");
}

#[tokio::test]
async fn a_task_goes_on_with_its_own_conversation_whatever_its_lane_goes_on_with() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 1..=2 {
        db.enqueue(&from_chat(n, 1, place("p", Isolation::None))).await.unwrap();
    }
    let first = db.claim("w").await.unwrap().unwrap();
    let mut write = db.begin(Durability::Full).await.unwrap();
    session::leave(&mut write, "chat:1", "/nowhere/p").await.unwrap();
    write.commit().await.unwrap();
    finish(&db, &first, Outcome::Crashed("x".into()), Next::Retry { at: 0 }).await;
    let again = db.claim("w").await.unwrap().unwrap();
    assert_eq!((again.number, &again.session), (1, &first.session));
    finish(&db, &again, Outcome::Succeeded, Next::Done).await;
    let second = db.claim("w").await.unwrap().unwrap();
    assert_ne!(second.session, first.session, "the next task begins the new one");
}

#[tokio::test]
async fn a_hold_that_is_met_again_and_again_is_told_once_until_something_goes_well() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 1..=3 {
        let decision = agentlab_domain::intake::Decision::Job {
            user: n,
            place: Place { chat: n, topic: None },
            message: 1,
            prompt: "x".into(),
        };
        let incoming = super::delivery::incoming(n, &decision);
        db.take_in(&crate::db::intake::Incoming { place: place(&format!("p{n}"), Isolation::None), ..incoming })
            .await
            .unwrap();
    }
    let notices = "SELECT COUNT(*) FROM outbox WHERE kind = 'notice'";
    let mut told = Vec::new();
    for succeeds in [false, false, true, false] {
        let claim = db.claim("w").await.unwrap().unwrap();
        let park = Next::Park { at: crate::clock::now_ms() - 1, cause: ParkedFor::UsageLimit };
        let (outcome, next) =
            if succeeds { (Outcome::Succeeded, Next::Done) } else { (Outcome::UsageLimit { resets_at: None }, park) };
        finish(&db, &claim, outcome, next).await;
        told.push(number(&db, notices).await);
        // Another millisecond: the next hold must not seem to be this one.
        let now = crate::clock::now_ms();
        while crate::clock::now_ms() == now {}
    }
    assert_eq!(told, [2, 2, 2, 3], "one a chat that waits, and again only after it was over");
}

#[tokio::test]
async fn a_probe_that_ends_without_a_verdict_lets_the_next_one_wait_for_the_pause() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 1..=2 {
        db.enqueue(&from_chat(n, n, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    let mut write = db.begin(Durability::Full).await.unwrap();
    sqlx::query("INSERT INTO circuit (service, state, until, since) VALUES ('claude', 'open', 1, 1)")
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let probe = db.claim("w").await.unwrap().unwrap();
    let park = Next::Park { at: 0, cause: ParkedFor::Unavailable };
    finish(&db, &probe, Outcome::Unavailable("API Error".into()), park).await;
    assert_eq!(db.claim("w").await.unwrap(), None, "not at once");
    assert!(db.next_probe_at().await.unwrap().is_some(), "somebody looks in time");
}
