//! Doing an ended task again: a new task that names the old one.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World};

#[test]
fn a_chat_has_an_ended_task_done_again_as_a_new_one() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "/retry");
    api.wait_for_text(ANN, "No task of this chat ended without an answer", LONG);
    let marker = world.path("first");
    api.user_says(
        ANN,
        ANN,
        &format!("[[first: {}]] [[fail: 400]] [[first: end]] [[say: now it works.]]", marker.display()),
    );
    api.wait_for_text(ANN, "Task 1: failed", LONG);
    api.user_says(ANN, ANN, "/retry");
    api.wait_for_text(ANN, "now it works.", LONG);
    let row = &world.sql("SELECT state, answer FROM job WHERE number = 1")[0];
    assert_eq!(row["state"], "failed", "ended states stay ended: {row}");
    assert_eq!(world.count("SELECT retry_of FROM job WHERE number = 2"), 1);
    assert_eq!(world.count("SELECT COUNT(DISTINCT session) FROM run"), 1, "in the same conversation");
    api.user_says(ANN, ANN, "/retry 99");
    api.wait_for_text(ANN, "There is no task 99", LONG);
    api.user_says(ANN, ANN, "[[hang]]");
    api.user_says(ANN, ANN, "/retry 3");
    api.wait_for_text(ANN, "Task 3 has not ended yet", LONG);
    let audit = world.sql("SELECT actor, subject FROM audit WHERE action = 'retry'");
    assert_eq!((audit.len(), audit[0]["subject"].as_str()), (1, Some("task 1 as task 2")), "{audit:?}");
}

#[test]
fn a_terminal_does_a_task_again_and_follows_it() {
    let world = World::new();
    let marker = world.path("first");
    let text = format!("[[first: {}]] [[fail: 400]] [[first: end]] [[say: now it works.]]", marker.display());
    assert_eq!(world.run(&["ask", &text]).code, Some(1));
    let ended = world.run(&["retry", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("now it works."), "{ended:?}");
    assert!(ended.stderr.contains("task 2 does task 1 again"), "{ended:?}");
    assert!(world.run(&["job", "2"]).stdout.contains("does task 1 again"));
    let ended = world.run(&["retry", "7"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), "agentlab: there is no task 7"));
}
