//! Delivery: each answer arrives, once where that can be known, and what cannot be known is said.

use std::time::Duration;

use agentlab_stand_ins::{BotApi, bot_api::Fault};

use crate::world::{ANN, LONG, World, kill_9, wait_until};

#[test]
fn too_many_requests_is_obeyed() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.fail_next("sendMessage", Fault::TooManyRequests { retry_after: 2 }, 1);
    api.user_says(ANN, ANN, "[[say: patient]]");
    api.wait_for_text(ANN, "patient", LONG);
    let sends: Vec<_> = api.requests().into_iter().filter(|request| request.method == "sendMessage").collect();
    assert_eq!(sends[0].status, 429);
    assert!(sends[1].at - sends[0].at >= Duration::from_secs(2), "it waited as long as it was told");
    assert_eq!(api.messages(ANN).len(), 1);
}

#[test]
fn formatting_that_telegram_refuses_arrives_as_plain_text() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.refuse_entities(true);
    api.user_says(ANN, ANN, "[[say: a **bold** word]]");
    let answer = api.wait_for_text(ANN, "a bold word", LONG);
    assert!(answer.entities.is_empty());
}

#[test]
fn a_long_answer_arrives_whole_and_in_order() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[long: 9000]]");
    wait_until("all parts are there", LONG, || {
        world.count("SELECT COUNT(*) FROM outbox WHERE kind = 'part' AND state = 'delivered'") == 2
    });
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let arrived: String = api.messages(ANN).iter().map(|message| digits(&message.text)).collect();
    let whole: String = "0123456789 ".chars().cycle().take(9000).collect();
    assert_eq!(arrived, digits(&whole), "no character is lost");
}

#[test]
fn an_edit_in_doubt_is_made_again_and_the_answer_stands_there_once() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[sleep: 1]] [[say: once]]");
    api.wait_for_text(ANN, "Task 1", LONG);
    api.fail_next("editMessageText", Fault::DropAfterEffect, 3);
    api.wait_for_text(ANN, "once", LONG);
    wait_until("it is known to be there", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(api.messages(ANN).len(), 1);
    assert!(!api.messages(ANN)[0].text.contains("repeat"));
}

#[test]
fn a_send_in_doubt_is_repeated_once_and_marked() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.fail_next("sendMessage", Fault::DropAfterEffect, 1);
    api.user_says(ANN, ANN, "/help");
    api.wait_for_text(ANN, "(may be a repeat)", LONG);
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(api.messages(ANN).len(), 2, "{}", api.transcript(ANN));
}

#[test]
fn a_connection_that_breaks_and_a_server_in_trouble_delay_an_answer_but_do_not_lose_it() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[say: still here]]");
    api.fail_next("sendMessage", Fault::Server(500), 1);
    api.wait_for_text(ANN, "still here", LONG);
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
}

#[test]
fn a_chat_that_blocked_the_bot_is_given_up_visibly_and_disturbs_nobody() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.block_chat(-50);
    api.user_says(-50, ANN, "[[say: unseen]]");
    api.user_says(ANN, ANN, "[[say: seen]]");
    api.wait_for_text(ANN, "seen", LONG);
    wait_until("it is said", LONG, || {
        world
            .sql("SELECT why FROM v_owed")
            .iter()
            .any(|row| row["why"].as_str().is_some_and(|why| why.contains("blocked")))
    });
    assert!(world.run(&["status"]).stdout.contains("1 given up"));
}

/// Wherever the bot is killed around a send, the answer arrives; where Telegram may have it already, that is said.
#[test]
fn kill_9_around_a_send_loses_no_answer() {
    for (point, repeated) in
        [("outbox-begin", false), ("outbox-sending", true), ("outbox-sent", true), ("outbox-noted", false)]
    {
        let api = BotApi::start();
        let mut world = World::with_bot(&api);
        world.env.push(("AGENTLAB_TEST_KILL_AT".into(), format!("{point}:{}", world.path("killed").display())));
        let _up = world.up();
        api.user_says(ANN, ANN, "/help");
        api.wait_for_text(ANN, "Any message is a task", LONG);
        wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
        let marked = api.messages(ANN).iter().any(|message| message.text.starts_with("(may be a repeat)"));
        assert_eq!(marked, repeated, "{point}: {}", api.transcript(ANN));
        assert!(world.path("killed").exists(), "{point}");
    }
}

#[test]
fn an_answer_waits_for_a_bot_that_is_dead() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.2".into()));
    let _up = world.up();
    api.user_says(ANN, ANN, "[[sleep: 0.7]] [[say: late but here]]");
    api.wait_for_text(ANN, "Task 1", LONG);
    // Else it was killed in the middle of a send, and says so.
    wait_until("the send is noted", LONG, || {
        world.count("SELECT COUNT(*) FROM outbox WHERE message_id IS NOT NULL") == 1
    });
    kill_9(world.pid("bot", 0));
    api.wait_for_text(ANN, "late but here", LONG);
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
}
