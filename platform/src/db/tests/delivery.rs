//! Updates in, messages out, in rows.

use agentlab_domain::{
    answer,
    chat::Place,
    circuit::Calls,
    command::Command,
    intake::Decision,
    isolation::Isolation,
    outbox::{Fate, Next as Delivery, next as delivery},
    outcome::Outcome,
    progress::Progress,
    rate::Limits,
    retry::Next,
};

use super::{finish, fresh, place, worker};
use crate::db::{
    circuit::Heard,
    intake::{Effect, Incoming},
};

const LIMITS: Limits = Limits { per_minute: 30, per_hour: 500 };

pub(super) fn incoming(update_id: i64, decision: &Decision) -> Incoming<'_> {
    Incoming {
        bot_id: 1,
        update_id,
        raw: "{}",
        decision,
        place: place("p", Isolation::None),
        prepared: "",
        limits: LIMITS,
        supervised: true,
    }
}

#[tokio::test]
async fn i1_the_same_update_twice_is_one_job_and_a_stranger_one_audit_row() {
    let (_folder, db) = fresh().await;
    let job = Decision::Job { user: 5, place: Place { chat: 1, topic: None }, message: 3, prompt: "x".into() };
    assert_eq!(db.take_in(&incoming(10, &job)).await.unwrap(), Effect::Accepted { number: 1 });
    assert_eq!(db.take_in(&incoming(10, &job)).await.unwrap(), Effect::Duplicate);
    for update in 11..14 {
        db.take_in(&incoming(update, &Decision::Stranger { user: 66 })).await.unwrap();
    }
    assert_eq!(db.strangers().await.unwrap(), ["66"]);
}

#[tokio::test]
async fn a_part_waits_for_what_stands_before_it_and_an_answer_goes_before_progress() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for (update, chat) in [(1, 1), (2, 2)] {
        let decision = Decision::Job { user: 5, place: Place { chat, topic: None }, message: 3, prompt: "x".into() };
        let place = place(&format!("p{chat}"), Isolation::None);
        db.take_in(&Incoming { place, ..incoming(update, &decision) }).await.unwrap();
    }
    let progressing = db.claim("w").await.unwrap().unwrap();
    db.progress(&progressing, &Progress::default(), Some(&answer::reply("busy")), (Calls::default(), 0)).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
    let due = db.due().await.unwrap();
    let texts: Vec<&str> = due.iter().map(|due| due.body.rich.text.as_str()).collect();
    assert_eq!(texts, ["the answer", "busy"], "the second part waits");
    let first = db.sending(due[0].id, false).await.unwrap().unwrap();
    let fate = delivery(first.tried, Fate::Delivered { message: 77 });
    db.delivery(&first, &fate, 0, Heard::NOTHING).await.unwrap();
    let due = db.due().await.unwrap();
    assert_eq!(due[0].body.rich.text, "its second part");
    // Its sender dies: the row says so, and the fate is unknown.
    db.sending(due[0].id, false).await.unwrap();
    let due = db.due().await.unwrap();
    assert!(due[0].interrupted);
    let unknown = delivery(due[0].tried, Fate::Unknown { why: "gone".into() });
    assert!(matches!(unknown, Delivery::Again { doubt: true, .. }));
}

#[tokio::test]
async fn a_revision_made_while_the_one_before_is_sent_is_delivered_too() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    let decision = Decision::Job { user: 5, place: Place { chat: 1, topic: None }, message: 3, prompt: "x".into() };
    db.take_in(&incoming(1, &decision)).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    let sent = db.sending(db.due().await.unwrap()[0].id, false).await.unwrap().unwrap();
    finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
    db.delivery(&sent, &Delivery::Delivered { message: Some(5) }, 3_600_000, Heard::NOTHING).await.unwrap();
    let due = db.due().await.unwrap();
    assert_eq!((due[0].body.rich.text.as_str(), due[0].message), ("the answer", Some(5)));
}

#[tokio::test]
async fn what_was_written_while_its_predecessor_was_given_up_is_tried_all_the_same() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    let decision = Decision::Job { user: 5, place: Place { chat: 1, topic: None }, message: 3, prompt: "x".into() };
    db.take_in(&incoming(1, &decision)).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    let sent = db.sending(db.due().await.unwrap()[0].id, false).await.unwrap().unwrap();
    finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
    db.delivery(&sent, &Delivery::GiveUp { why: "no".into() }, 0, Heard::NOTHING).await.unwrap();
    assert_eq!(db.due().await.unwrap()[0].body.rich.text, "the answer");
}

pub(super) fn asks(user: i64, prompt: &str) -> Decision {
    Decision::Job { user, place: Place { chat: user, topic: None }, message: 3, prompt: prompt.into() }
}

#[tokio::test]
async fn updates_that_race_for_the_last_place_do_not_both_get_it_and_a_known_one_changes_nothing() {
    let (_folder, db) = fresh().await;
    let limits = Limits { per_minute: 5, per_hour: 500 };
    let (job, home) = (asks(5, "x"), db.home().clone());
    let takers = (0..4).map(|taker| {
        let (job, home) = (job.clone(), home.clone());
        async move {
            // A database of its own, as another process has.
            let db = crate::db::Db::open(&home).await.unwrap();
            for n in 0..5 {
                db.take_in(&Incoming { limits, ..incoming(taker * 5 + n, &job) }).await.unwrap();
            }
        }
    });
    futures::future::join_all(takers).await;
    let rows = |sql: &'static str| {
        let db = db.clone();
        async move { sqlx::query_scalar::<_, i64>(sql).fetch_one(db.read()).await.unwrap() }
    };
    assert_eq!(rows("SELECT COUNT(*) FROM job").await, 5);
    assert_eq!(rows("SELECT COUNT(*) FROM telegram_update WHERE decision = 'limited' AND counted = 0").await, 15);
    assert_eq!(rows("SELECT COUNT(*) FROM outbox WHERE kind = 'reply'").await, 15, "each is told");
    // The one that was taken comes again, and the one that was refused too: both are known.
    for update in 0..20 {
        let again = Incoming { limits: LIMITS, ..incoming(update, &job) };
        assert_eq!(db.take_in(&again).await.unwrap(), Effect::Duplicate);
    }
    assert_eq!(rows("SELECT COUNT(*) FROM job").await, 5);
    // Somebody else has a limit of his own.
    let other = db.take_in(&Incoming { limits, ..incoming(99, &asks(6, "y")) }).await.unwrap();
    assert!(matches!(other, Effect::Accepted { .. }), "{other:?}");
}

#[tokio::test]
async fn answers_to_priority_commands_go_out_first_and_count_nothing() {
    let (_folder, db) = fresh().await;
    let limits = Limits { per_minute: 1, per_hour: 500 };
    let place = Place { chat: 5, topic: None };
    let command = |command| Decision::Command { user: 5, place, message: 4, command };
    let decisions = [
        command(Command::Help),
        asks(5, "first"),
        asks(5, "second"),
        command(Command::Unknown("frobnicate".into())),
        command(Command::Cancel { number: None }),
        command(Command::Status),
    ];
    for (update, decision) in decisions.iter().enumerate() {
        let update = i64::try_from(update).unwrap();
        db.take_in(&Incoming { limits, prepared: "all is well", ..incoming(update, decision) }).await.unwrap();
    }
    let due = db.due().await.unwrap();
    let texts: Vec<String> = due.into_iter().map(|due| due.body.rich.text.chars().take(16).collect()).collect();
    let refused = "Too much at once";
    assert_eq!(texts[..3], ["Any message is a".to_owned(), "Task 1 is cancel".into(), "all is well".into()]);
    assert_eq!(texts[3..], ["Task 1: cancelle".to_owned(), refused.into(), refused.into()]);
}
