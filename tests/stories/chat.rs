//! A chat: messages in, answers out, once each.

use std::time::Duration;

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

/// The texts that stand in the chat now.
fn texts(api: &BotApi) -> Vec<String> {
    api.messages(ANN).into_iter().map(|message| message.text).collect()
}

#[test]
fn ten_messages_in_the_first_second_all_run_in_order_at_most_three_at_a_time_and_are_answered_once() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let log = world.project("p").join("log");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    // Before anything is ready: what accepts work starts after what does it.
    let mut up = world.start(&["up"]);
    let (bob, chats) = (7002, [ANN, -40, -50, -60]);
    for n in 0..10 {
        let text =
            format!("[[append: {0} +{n}]] [[sleep: 0.2]] [[append: {0} -{n}]] [[say: answer-{n}.]]", log.display());
        api.user_says(chats[n % 4], ANN, &text);
    }
    for chat in [bob, -40] {
        api.user_says(chat, bob, &format!("[[append: {} +99]]", log.display()));
    }
    up.wait_for_line("ready:", LONG);
    // Bob is a stranger: his two messages cause nothing.
    for n in 0..10 {
        api.wait_for_text(chats[n % 4], &format!("answer-{n}."), LONG);
    }
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    let log = std::fs::read_to_string(log).unwrap();
    let mut running = 0;
    let mut most = 0;
    for line in log.lines() {
        running += if line.starts_with('+') { 1 } else { -1 };
        most = most.max(running);
    }
    assert!((1..=3).contains(&most), "at most three at a time: {log}");
    for chat in chats {
        let begun: Vec<usize> = log
            .lines()
            .filter_map(|line| line.strip_prefix('+')?.parse().ok())
            .filter(|n| chats[n % 4] == chat)
            .collect();
        assert!(begun.is_sorted(), "in order within a chat: {log}");
        for n in (0..10).filter(|n| chats[n % 4] == chat) {
            let answers = api.messages(chat).iter().filter(|m| m.text.contains(&format!("answer-{n}."))).count();
            assert_eq!(answers, 1, "once each: {}", api.transcript(chat));
        }
    }
    assert_eq!(log.lines().filter(|line| line.starts_with('+')).count(), 10, "once each: {log}");
    assert!(api.messages(bob).is_empty());
    up.stop();
}

#[test]
fn the_status_message_lives_from_accepted_over_progress_to_the_answer() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash cargo test]] [[sleep: 3]] [[say: it is **done**]]");
    let message = api.wait_for_text(ANN, "Bash: cargo test", LONG);
    assert!(message.text.starts_with("Task 1: running"), "{message:?}");
    assert!(format!("{:?}", message.reply_markup).contains("stop:1"), "{message:?}");
    let answer = api.wait_for_text(ANN, "it is done", LONG);
    assert_eq!(answer.message_id, message.message_id, "the answer is an edit");
    assert_eq!(answer.entities[0]["type"], "bold");
    assert!(answer.reply_markup.is_none_or(|markup| markup.is_null()), "an ended task cannot be stopped");
}

#[test]
fn a_stop_button_stops_what_runs_and_says_so() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[fork: 600]] [[tool: Bash forever]] [[hang]]");
    let message = api.wait_for_text(ANN, "Bash: forever", LONG);
    api.user_presses(ANN, ANN, message.message_id, "stop:1");
    let answer = api.wait_for_text(ANN, "cancelled", LONG);
    assert_eq!(answer.message_id, message.message_id);
    assert_eq!(world.sql("SELECT state FROM job")[0]["state"], "cancelled");
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    assert!(agentlab_platform::identity::marked(&format!("AGENTLAB_RUN={run}")).unwrap().is_empty());
}

#[test]
fn commands_are_answered_and_a_bare_cancel_means_the_running_task_then_the_newest_waiting_one() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "/start");
    api.wait_for_text(ANN, "Send me a task", LONG);
    api.user_says(ANN, ANN, "/frobnicate");
    api.wait_for_text(ANN, "There is no command /frobnicate", LONG);
    api.user_says(ANN, ANN, "/cancel");
    api.wait_for_text(ANN, "Nothing of this chat runs or waits", LONG);
    api.user_says(ANN, ANN, "[[hang]]");
    api.user_says(ANN, ANN, "second [[say: two]]");
    api.user_says(ANN, ANN, "third [[say: three]]");
    api.wait_for_text(ANN, "Task 3: accepted, 2 tasks of this chat before it", LONG);
    wait_until("the first runs", LONG, || world.count("SELECT COUNT(*) FROM v_runs WHERE state = 'running'") == 1);
    let queue = world.sql("SELECT task, ahead, place FROM v_queue ORDER BY task");
    assert_eq!(queue.len(), 3);
    assert!(queue[0]["place"].as_str().unwrap().starts_with("with worker-"), "{queue:?}");
    assert_eq!(queue[2]["place"], "behind another task of its chat");
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, "1 running, 2 queued", LONG);
    api.user_says(ANN, ANN, "/cancel 3");
    api.wait_for_text(ANN, "Task 3 is cancelled", LONG);
    api.user_says(ANN, ANN, "/cancel");
    api.wait_for_text(ANN, "Task 1: cancelled", LONG);
    api.wait_for_text(ANN, "two", LONG);
    api.user_says(ANN, ANN, "/cancel 1");
    api.wait_for_text(ANN, "Task 1 has ended before (cancelled)", LONG);
    assert!(!texts(&api).iter().any(|text| text == "three"));
}

#[test]
fn an_edited_message_changes_its_task_while_no_run_exists() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[sleep: 1.5]] [[say: first]]");
    let said = api.user_says(ANN, ANN, "[[say: as written]]");
    api.wait_for_text(ANN, "Task 2: accepted", LONG);
    api.user_edits(ANN, said.message_id, "[[say: as edited]]");
    api.wait_for_text(ANN, "as edited", LONG);
    assert!(!texts(&api).iter().any(|text| text.contains("as written")));
}

#[test]
fn long_work_ends_with_a_short_new_message() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let _up = world.up();
    api.user_says(ANN, ANN, "[[sleep: 2]] [[say: at last]]");
    api.wait_for_text(ANN, "at last", LONG);
    api.wait_for_text(ANN, "Task 1 is done.", LONG);
    api.user_says(ANN, ANN, "[[say: quick]]");
    api.wait_for_text(ANN, "quick", LONG);
    wait_until("all is delivered", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert!(!texts(&api).iter().any(|text| text == "Task 2 is done."));
}

#[test]
fn topics_are_conversations_of_their_own() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    let _up = world.up();
    api.user_says_in(-70, Some(3), ANN, "[[hang]]");
    api.user_says_in(-70, Some(4), ANN, "[[say: beside it]]");
    let answer = api.wait_for_text(-70, "beside it", LONG);
    assert_eq!(answer.thread, Some(4));
    api.user_says_in(-70, Some(3), ANN, "/cancel");
    api.wait_for_text(-70, "Task 1: cancelled", Duration::from_secs(30));
}
