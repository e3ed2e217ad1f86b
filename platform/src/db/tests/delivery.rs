//! Updates in, messages out, in rows.

use agentlab_domain::{
    answer,
    chat::Place,
    intake::Decision,
    isolation::Isolation,
    outbox::{Fate, Next as Delivery, next as delivery},
    outcome::Outcome,
    retry::Next,
};

use super::{finish, fresh, place, worker};
use crate::db::intake::{Effect, Incoming};

fn incoming(update_id: i64, decision: &Decision) -> Incoming<'_> {
    Incoming { bot_id: 1, update_id, raw: "{}", decision, place: place("p", Isolation::None), prepared: "" }
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
    db.progress(&progressing, 1, None, Some(&answer::reply("busy"))).await.unwrap();
    let claim = db.claim("w").await.unwrap().unwrap();
    finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
    let due = db.due().await.unwrap();
    let texts: Vec<&str> = due.iter().map(|due| due.body.rich.text.as_str()).collect();
    assert_eq!(texts, ["the answer", "busy"], "the second part waits");
    let first = db.sending(due[0].id, false).await.unwrap().unwrap();
    let fate = delivery(first.tried, Fate::Delivered { message: 77 });
    db.delivery(&first, &fate, 0).await.unwrap();
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
    db.delivery(&sent, &Delivery::Delivered { message: Some(5) }, 3_600_000).await.unwrap();
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
    db.delivery(&sent, &Delivery::GiveUp { why: "no".into() }, 0).await.unwrap();
    assert_eq!(db.due().await.unwrap()[0].body.rich.text, "the answer");
}
