//! Interventions and controls in rows: asked once, over once, and never acted on when they make no sense.

use agentlab_domain::{
    chat::Place,
    command::Command,
    intake::Decision,
    intervention::{Corrupt, Kind, State},
    outbox::Next,
    role::Role,
};

use super::{delivery::incoming, fresh};
use crate::db::{
    Db, Durability,
    circuit::Heard,
    intake::{Effect, Incoming},
    outbox::Due,
};

const NAME: &str = "bot.01KAPYZZZZZZZZZZZZZZZZZZZ4";

async fn do_sql(db: &Db, statement: &'static str) {
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query(statement).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

async fn count(db: &Db, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(db.read()).await.unwrap()
}

fn restart() -> Decision {
    Decision::Command { user: 5, place: Place { chat: 1, topic: None }, message: 3, command: Command::Restart }
}

/// Delivers what is due as message 77, and returns it.
async fn deliver(db: &Db) -> Vec<Due> {
    let due = db.due().await.unwrap();
    for message in &due {
        let message = db.sending(message.id, message.message.is_some()).await.unwrap().unwrap();
        db.delivery(&message, &Next::Delivered { message: Some(77) }, 0, Heard::NOTHING).await.unwrap();
    }
    due
}

#[tokio::test]
async fn the_same_update_asks_once_and_its_notice_is_edited_when_it_is_over() {
    let (_folder, db) = fresh().await;
    let decision = restart();
    assert_eq!(db.take_in(&incoming(10, &decision)).await.unwrap(), Effect::Restart);
    let open = db.open_interventions().await.unwrap().remove(0);
    assert!(!open.told, "who asked has not read it yet");
    assert_eq!(open.read.unwrap().replaces, None);
    assert_eq!(deliver(&db).await[0].body.rich.text, "Restarting; running tasks go on.");
    assert!(db.begin_intervention(open.id, &[NAME.into()]).await.unwrap());
    // Another supervisor that comes too late must not add those that are new.
    assert!(!db.begin_intervention(open.id, &["bot.01KAPYZZZZZZZZZZZZZZZZZZZ5".into()]).await.unwrap());
    let begun = db.open_interventions().await.unwrap().remove(0);
    assert!(begun.told);
    assert_eq!(begun.read.unwrap().replaces, Some(vec![NAME.to_owned()]));
    // The bot that was started again sees the same update again.
    assert_eq!(db.take_in(&incoming(10, &decision)).await.unwrap(), Effect::Duplicate);
    db.finish_intervention(open.id).await.unwrap();
    assert_eq!(db.take_in(&incoming(10, &decision)).await.unwrap(), Effect::Duplicate);
    assert!(db.open_interventions().await.unwrap().is_empty());
    let edit = deliver(&db).await.remove(0);
    assert_eq!(edit.message, Some(77), "the same message");
    assert!(edit.body.rich.text.starts_with("Back after 0.") && edit.owed, "{}", edit.body.rich.text);
    let view = db.intervention(open.id).await.unwrap().unwrap();
    assert_eq!((view.state(), view.words), (Some(State::Finished), Some(edit.body.rich.text)));
    // Once is enough.
    db.finish_intervention(open.id).await.unwrap();
    db.drop_intervention(open.id, "nothing").await.unwrap();
    assert!(db.due().await.unwrap().is_empty());
    assert_eq!(count(&db, "SELECT COUNT(*) FROM audit WHERE action = 'restart' AND actor = 'user 5'").await, 1);
}

#[tokio::test]
async fn where_nobody_would_start_anything_again_nothing_is_asked() {
    let (_folder, db) = fresh().await;
    let decision = restart();
    let alone = Incoming { supervised: false, ..incoming(10, &decision) };
    assert!(matches!(db.take_in(&alone).await.unwrap(), Effect::Noted { .. }));
    assert!(db.open_interventions().await.unwrap().is_empty());
    assert!(deliver(&db).await[0].body.rich.text.starts_with("No supervisor runs"));
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_told_from_one_that_does_and_its_notice_says_so() {
    let (_folder, db) = fresh().await;
    let sane = db.ask_for(Kind::Restart, Some(Role::Worker), "the terminal").await.unwrap();
    let decision = restart();
    db.take_in(&incoming(10, &decision)).await.unwrap();
    deliver(&db).await;
    do_sql(&db, "UPDATE intervention SET asked_at = asked_at / 1000 WHERE id = 2").await;
    let unnamed = db.ask_for(Kind::Recover, Some(Role::Bot), "the terminal").await.unwrap();
    do_sql(&db, "UPDATE intervention SET state = 'begun', replaces = '[1' WHERE id = 3").await;
    let open = db.open_interventions().await.unwrap();
    assert!(open[0].id == sane && open[0].read.is_ok() && open[0].told);
    assert!(matches!(open[1].read, Err(Corrupt::Seconds(_))), "{open:?}");
    assert!(open[2].id == unnamed && matches!(open[2].read, Err(Corrupt::NoNames)), "{open:?}");
    for open in &open[1..] {
        let why = open.read.as_ref().unwrap_err().to_string();
        db.drop_intervention(open.id, &agentlab_domain::intervention::dropped(&why)).await.unwrap();
    }
    assert_eq!(db.open_interventions().await.unwrap().len(), 1);
    assert!(deliver(&db).await[0].body.rich.text.contains("counts seconds"));
}

#[tokio::test]
async fn what_was_done_is_kept_for_who_asked() {
    let (_folder, db) = fresh().await;
    let id = db.ask_for(Kind::Recover, Some(Role::Bot), "the terminal").await.unwrap();
    db.begin_intervention(id, &[]).await.unwrap();
    for words in ["ended bot (pid 12), which hung", "nothing stale was left"] {
        db.note_intervention(id, words).await.unwrap();
    }
    db.finish_intervention(id).await.unwrap();
    db.note_intervention(id, "too late").await.unwrap();
    let words = db.intervention(id).await.unwrap().unwrap().words.unwrap();
    assert!(words.starts_with("ended bot (pid 12), which hung; nothing stale was left; Back after 0."), "{words}");
    assert_eq!(db.intervention(id + 1).await.unwrap(), None);
}

#[tokio::test]
async fn a_count_of_workers_holds_until_the_configuration_says_another() {
    let (_folder, db) = fresh().await;
    assert_eq!(db.workers_wanted(3).await.unwrap(), 3);
    db.scale(5, 3, "the terminal").await.unwrap();
    assert_eq!(db.workers_wanted(3).await.unwrap(), 5);
    assert_eq!(db.workers_wanted(4).await.unwrap(), 4, "the configuration was changed since");
    db.scale(1, 3, "the terminal").await.unwrap();
    assert_eq!(db.workers_wanted(3).await.unwrap(), 1);
    for value in ["UPDATE control SET value = 0", "UPDATE control SET value = 17", "UPDATE control SET value = -4"] {
        do_sql(&db, value).await;
        assert_eq!(db.workers_wanted(3).await.unwrap(), 3, "{value}");
    }
    assert_eq!(count(&db, "SELECT COUNT(*) FROM audit WHERE action = 'scale'").await, 2);
}
