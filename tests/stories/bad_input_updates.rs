//! Bad input from Telegram: updates that are none, that come twice, out of order, or from people who may not write.
//! What follows them is answered all the same.

use std::time::Duration;

use agentlab_stand_ins::{BotApi, bot_api::BotMessage};
use serde_json::{Value, json};

use crate::world::{ANN, LONG, World, kill_9, wait_until};

const STRANGER: i64 = 666;
const GROUP: i64 = -100_500;

/// Sends a task and waits for its answer, which shows that what was sent before it was taken in too.
fn answered(api: &BotApi, word: &str) {
    api.user_says(ANN, ANN, &format!("[[say: {word}]]"));
    api.wait_for_text(ANN, word, LONG);
}

/// Everything that was sent is confirmed, and nothing is owed.
fn settled(api: &BotApi, world: &World) {
    api.wait_for(LONG, "all updates are confirmed", |state| (state.waiting_updates() == 0).then_some(()));
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
}

/// How often the bot began its life.
fn starts(world: &World) -> usize {
    let logs = std::fs::read_dir(world.home().join("logs")).unwrap().map(|entry| entry.unwrap().path());
    let bot = logs.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("bot."));
    let text: String = bot.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    super::bad_input::begun(&text)
}

fn polls(api: &BotApi) -> usize {
    api.requests().iter().filter(|request| request.method == "getUpdates").count()
}

fn with_answer(messages: &[BotMessage], word: &str) -> usize {
    messages.iter().filter(|message| message.text.contains(word)).count()
}

#[test]
fn updates_of_unknown_kinds_and_broken_ones_are_stored_and_passed_over() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let ann = json!({ "id": ANN, "is_bot": false, "first_name": "Ann" });
    let odd = [
        json!({ "hologram": { "from": ann, "text": "[[say: no]]" } }),
        json!({ "poll": { "id": "1" } }),
        json!({}),
        json!({ "message": 7 }),
        json!({ "message": null }),
        json!({ "message": { "message_id": 1, "from": ann, "text": "[[say: no]]" } }),
        json!({ "message": { "message_id": "x", "chat": { "id": ANN }, "from": ann, "text": "[[say: no]]" } }),
        json!({ "message": { "message_id": 2, "chat": { "id": ANN }, "text": "nobody wrote this [[say: no]]" } }),
        json!({ "edited_message": [] }),
        json!({ "callback_query": { "from": ann, "data": "stop:1" } }),
        json!({ "callback_query": { "id": "9", "from": ann, "data": "stop:1" } }),
    ];
    for update in &odd {
        api.raw_update(update.clone());
    }
    answered(&api, "all the same");
    settled(&api, &world);
    let kept = world.sql("SELECT decision, why, raw FROM telegram_update ORDER BY update_id");
    assert_eq!(kept.len(), odd.len() + 1, "{kept:?}");
    for (row, sent) in kept.iter().zip(&odd) {
        assert_eq!(row["decision"], "ignored", "{row}");
        assert!(row["why"].as_str().is_some_and(|why| !why.is_empty()), "{row}");
        let raw: Value = serde_json::from_str(row["raw"].as_str().unwrap()).unwrap();
        let same = sent.as_object().unwrap().iter().all(|(key, value)| raw[key] == *value);
        assert!(same, "kept as it came: {row}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 1);
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
    assert_eq!(starts(&world), 1, "the bot never fell");
}

/// Each update is parsed alone: one that strict JSON readers refuse must not keep the others from us for a day.
#[test]
fn an_update_that_strict_readers_refuse_does_not_hold_up_the_next_one() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    answered(&api, "before");
    let first = api.user_says(ANN, ANN, "[[say: between]]").update_id + 1;
    let half_a_character = format!(
        r#"{{"update_id":{first},"message":{{"message_id":77,"date":0,"chat":{{"id":{ANN},"type":"private"}},
            "from":{{"id":{ANN},"is_bot":false,"first_name":"Ann"}},"text":"half: \ud800"}}}}"#
    );
    api.raw_update_bytes(Some(first), half_a_character.as_bytes());
    let second = first + 1;
    let no_number = format!(r#"{{"update_id":{second},"edited_message":{{"message_id":1e999}}}}"#);
    api.raw_update_bytes(Some(second), no_number.as_bytes());
    answered(&api, "after");
    settled(&api, &world);
    assert_eq!(world.count(&format!("SELECT COUNT(*) FROM telegram_update WHERE update_id IN ({first}, {second})")), 2);
    assert_eq!(starts(&world), 1);
}

/// Telegram would send it again and again, as fast as we ask.
#[test]
fn an_update_without_an_id_makes_no_loop() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    answered(&api, "before");
    let before = polls(&api);
    api.raw_update(json!("no object"));
    api.wait_for(LONG, "the next poll", |state| {
        (state.requests().iter().filter(|it| it.method == "getUpdates").count() > before).then_some(())
    });
    // That nothing spins takes a while to show.
    std::thread::park_timeout(Duration::from_secs(2));
    let asked = polls(&api) - before;
    assert!(asked < 20, "{asked} polls within two seconds");
    answered(&api, "after");
    settled(&api, &world);
    assert_eq!(starts(&world), 1);
}

#[test]
fn updates_without_work_are_answered_or_passed_over() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let chat = json!({ "id": ANN, "type": "private" });
    let ann = json!({ "id": ANN, "is_bot": false, "first_name": "Ann" });
    let photo = json!({ "message_id": 900, "date": 0, "chat": chat, "from": ann, "photo": [{ "file_id": "f" }] });
    api.raw_update(json!({ "message": photo }));
    api.wait_for_text(ANN, "I read text only, for now: please write the task as a message.", LONG);
    api.user_says(ANN, ANN, "/cancel");
    api.wait_for_text(ANN, "Nothing of this chat runs or waits.", LONG);
    api.user_says(ANN, ANN, "/cancel 999");
    api.wait_for_text(ANN, "There is no task 999.", LONG);
    api.user_says(ANN, ANN, "/cancel everything");
    api.wait_for_text(ANN, "Use /cancel, or /cancel 12 for task 12.", LONG);
    api.user_says(ANN, ANN, "/frobnicate");
    api.wait_for_text(ANN, "There is no command /frobnicate.", LONG);
    let edited =
        json!({ "message_id": 901, "date": 0, "edit_date": 1, "chat": chat, "from": ann, "text": "never seen" });
    api.raw_update(json!({ "edited_message": edited }));
    let channel = json!({ "message_id": 902, "date": 0, "chat": chat, "from": ann, "sender_chat": chat, "text": "x" });
    api.raw_update(json!({ "message": channel }));
    api.user_presses(ANN, ANN, 555, "stop:999");
    api.user_presses(ANN, ANN, 555, "stop:everything");
    answered(&api, "work");
    settled(&api, &world);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 1);
    assert_eq!(api.messages(ANN).len(), 6, "one reply each: {}", api.transcript(ANN));
}

#[test]
fn a_button_of_a_task_that_has_ended_or_never_was_promises_nothing() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    answered(&api, "done before");
    let message = api.messages(ANN)[0].message_id;
    for button in ["stop:1", "stop:999"] {
        api.user_presses(ANN, ANN, message, button);
    }
    let told = api.wait_for(LONG, "both buttons stop waiting", |state| {
        let answers = state.requests().iter().filter(|it| it.method == "answerCallbackQuery" && it.status == 200);
        let words: Vec<String> = answers.map(|it| it.params["text"].as_str().unwrap_or_default().to_owned()).collect();
        (words.len() == 2).then_some(words)
    });
    assert!(told.iter().all(|words| !words.contains("Stopping")), "nothing is being stopped: {told:?}");
    settled(&api, &world);
    assert_eq!(world.sql("SELECT state FROM job"), [json!({ "state": "done" })]);
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
}

#[test]
fn an_update_that_comes_again_is_done_once() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let said = api.user_says(ANN, ANN, "[[say: once]]");
    let answer = api.wait_for_text(ANN, "once", LONG);
    let pressed = api.user_presses(ANN, ANN, answer.message_id, "stop:1");
    let asked = api.user_says(ANN, ANN, "/help");
    api.wait_for_text(ANN, "Any message is a task.", LONG);
    for _ in 0..3 {
        for update in [said.update_id, pressed.update_id, asked.update_id] {
            api.repeat_update(update);
        }
    }
    answered(&api, "next");
    settled(&api, &world);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 2);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 2);
    assert_eq!(with_answer(&api.messages(ANN), "once"), 1, "{}", api.transcript(ANN));
    assert_eq!(api.messages(ANN).len(), 3, "{}", api.transcript(ANN));
    let answers = api.requests().iter().filter(|request| request.method == "answerCallbackQuery").count();
    assert_eq!(answers, 1);
}

#[test]
fn ids_without_order_and_with_gaps_lose_nothing() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    // One batch, which begins with its largest id and holds that one twice.
    let mut largest = 0;
    for (n, id) in [4_000, 10, 500, 501, 90_000].into_iter().enumerate() {
        api.set_next_update_id(id);
        largest = api.user_says(ANN, ANN, &format!("[[say: answer-{n}.]]")).update_id.max(largest);
    }
    api.repeat_update(largest);
    let _up = world.up();
    for n in 0..5 {
        api.wait_for_text(ANN, &format!("answer-{n}."), LONG);
    }
    answered(&api, "the last");
    settled(&api, &world);
    let messages = api.messages(ANN);
    assert_eq!(messages.len(), 6, "{}", api.transcript(ANN));
    assert!((0..5).all(|n| with_answer(&messages, &format!("answer-{n}.")) == 1), "{}", api.transcript(ANN));
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 6);
}

#[test]
fn ids_that_start_anew_below_the_old_ones_lose_nothing() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let up = world.up();
    api.set_next_update_id(900_000);
    answered(&api, "high");
    settled(&api, &world);
    assert_eq!(up.stop().code, Some(0));
    // After a quiet week ids begin anywhere.
    api.set_next_update_id(40);
    api.user_says(ANN, ANN, "[[say: while it was away]]");
    let _up = world.up();
    api.wait_for_text(ANN, "while it was away", LONG);
    answered(&api, "low");
    // And again, with the bot killed instead.
    settled(&api, &world);
    let before = world.pid("bot", 0);
    kill_9(before);
    api.wait_for(LONG, "nobody polls", |state| (!state.polling()).then_some(()));
    api.set_next_update_id(7);
    answered(&api, "lower still");
    settled(&api, &world);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 4);
    assert_eq!(api.messages(ANN).len(), 4, "{}", api.transcript(ANN));
}

#[test]
fn a_stranger_gets_nothing_and_leaves_one_row() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    // The two chats do not wait for one another.
    let path = world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", path.display()));
    let _up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash waiting]] [[hang]]");
    let running = api.wait_for_text(ANN, "waiting", LONG);
    let first = api.user_says(STRANGER, STRANGER, "let me in");
    for text in ["/start", "/help", "/status", "/cancel 1", "[[say: hacked]]"] {
        api.user_says(STRANGER, STRANGER, text);
        api.user_says(GROUP, STRANGER, text);
    }
    api.user_edits(STRANGER, first.message_id, "please");
    // The buttons of somebody else's task, in every chat where they could stand.
    for chat in [STRANGER, GROUP, ANN] {
        api.user_presses(chat, STRANGER, running.message_id, "stop:1");
    }
    let photo = json!({ "message_id": 99, "date": 0, "chat": { "id": STRANGER, "type": "private" },
                        "from": { "id": STRANGER, "is_bot": false, "first_name": "S" }, "photo": [] });
    api.raw_update(json!({ "message": photo }));
    // The group itself is no matter: who writes is.
    api.user_says(GROUP, ANN, "[[say: for the group]]");
    api.wait_for_text(GROUP, "for the group", LONG);
    api.wait_for(LONG, "all updates are confirmed", |state| (state.waiting_updates() == 0).then_some(()));

    assert_eq!(api.messages(GROUP).len(), 1, "{}", api.transcript(GROUP));
    let told: Vec<_> = api.requests().into_iter().filter(|request| request.chat == Some(STRANGER)).collect();
    assert!(told.is_empty(), "{told:?}");
    assert!(api.requests().iter().all(|request| request.method != "answerCallbackQuery"), "no button was answered");
    assert_eq!(world.sql("SELECT state FROM job WHERE number = 1"), [json!({ "state": "running" })]);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 2);
    let audit = world.sql("SELECT action, actor FROM audit");
    assert_eq!(audit, [json!({ "action": "stranger", "actor": "666" })]);
    let kept =
        world.count("SELECT COUNT(*) FROM telegram_update WHERE decision = 'stranger' AND raw = '' AND why IS NULL");
    assert_eq!(kept, 16, "their words are not kept");
    let doctor = world.run(&["doctor"]);
    let words = "strangers: these Telegram users wrote and are not allowed: 666. \
                 Add those you know to telegram.allowed_users";
    assert!(doctor.stdout.contains(words), "{doctor:?}");
    // Whoever may, can.
    api.user_presses(ANN, ANN, running.message_id, "stop:1");
    api.wait_for_text(ANN, "cancelled", LONG);
    settled(&api, &world);
}
