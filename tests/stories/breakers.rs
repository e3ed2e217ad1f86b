//! Circuit breakers: a service that is out of order is left alone and tried now and then; what waits says so, and nothing is
//! lost, doubled or burnt.

use std::time::Duration;

use agentlab_stand_ins::{BotApi, bot_api::Fault};

use crate::world::{ANN, LONG, World, kill_9, wait_until, write_script};

const NOTICE: &str = "Claude API temporarily unavailable; your task is queued";

fn notices(api: &BotApi, chat: i64) -> usize {
    api.messages(chat).iter().filter(|message| message.text == NOTICE).count()
}

fn state(world: &World, service: &str) -> String {
    let rows = world.sql(&format!("SELECT state FROM circuit WHERE service = '{service}'"));
    rows.first().and_then(|row| row["state"].as_str()).unwrap_or("closed").to_owned()
}

fn runs(world: &World) -> i64 {
    world.count("SELECT COUNT(*) FROM run")
}

/// A world whose agent's API is out of order for as long as the file `down` is there.
fn with_api_that_fails(bot: &BotApi) -> World {
    let mut world = World::with_bot(bot);
    let (script, program) = (world.path("bin/agent.sh"), env!("CARGO_BIN_EXE_agentlab"));
    let failing = format!("{} [[sleep: 1.5]] [[fail: 529]]", "[[retry: 529]] ".repeat(5));
    write_script(
        &script,
        &format!(
            "#!/bin/sh\nif [ -e {} ]; then cat >/dev/null; echo '{failing}' | {program} rehearse \"$@\"; exit $?; fi\n\
             exec {program} rehearse \"$@\"\n",
            world.path("down").display()
        ),
    );
    world.env.push(("AGENTLAB_AGENT__COMMAND".into(), script.display().to_string()));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.2".into()));
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.project("p").display()));
    std::fs::write(world.path("down"), "").unwrap();
    world
}

#[test]
fn while_claude_is_out_of_order_tasks_wait_each_chat_hears_once_one_probe_tries_and_no_attempt_is_burnt() {
    let api = BotApi::start();
    let world = with_api_that_fails(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[say: one.]]");
    wait_until("it is open", LONG, || state(&world, "claude") == "open");
    for (chat, text) in [(9001, "two."), (9001, "three."), (9002, "four.")] {
        api.user_says(chat, ANN, &format!("[[say: {text}]]"));
    }
    for chat in [ANN, 9001, 9002] {
        api.wait_for_text(chat, NOTICE, LONG);
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 4);
    assert_eq!(runs(&world), 1, "nothing new began");
    // It is said wherever somebody looks.
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, "Claude API temporarily unavailable for", LONG);
    assert!(world.run(&["status"]).stdout.contains("Claude API temporarily unavailable for"));
    let (code, health) = super::up::get(&world, "/health", &format!("127.0.0.1:{}", world.port));
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!((code, health["status"].as_str()), (200, Some("degraded")), "{health}");
    assert!(health["circuits"]["claude"]["note"].as_str().unwrap().contains("temporarily unavailable"), "{health}");
    let opened = world.sql("SELECT since, until FROM circuit")[0].clone();
    // One task tries, and it is the same outage that goes on.
    wait_until("the probe has failed", LONG, || runs(&world) == 2 && state(&world, "claude") == "open");
    let first = &world.sql("SELECT claimed_at, calls_failed FROM run ORDER BY claimed_at")[1];
    assert!(first["claimed_at"].as_i64() >= opened["until"].as_i64(), "not before its time: {first} {opened}");
    assert_eq!(world.sql("SELECT since FROM circuit")[0]["since"], opened["since"]);
    std::fs::remove_file(world.path("down")).unwrap();
    for (chat, text) in [(ANN, "one."), (9001, "two."), (9001, "three."), (9002, "four.")] {
        api.wait_for(LONG, text, |state| state.messages(chat).into_iter().find(|message| message.text == text));
    }
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(state(&world, "claude"), "closed");
    assert_eq!([ANN, 9001, 9002].map(|chat| notices(&api, chat)), [1, 1, 1], "once an outage and chat");
    assert_eq!(runs(&world), 6, "two that failed, and one for each task");
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE outcome = 'unavailable' AND uses_attempt = 0"), 2);
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 4);
}

#[test]
fn a_terminal_waits_for_claude_and_is_told_so() {
    let api = BotApi::start();
    let world = with_api_that_fails(&api);
    let _up = world.up();
    let first = world.start(&["ask", "[[say: at last]]"]);
    let mut second = None;
    wait_until("it is open", LONG, || state(&world, "claude") == "open");
    let second = second.get_or_insert_with(|| world.start(&["ask", "[[say: I too]]"]));
    second.wait_for_line(NOTICE, LONG);
    std::fs::remove_file(world.path("down")).unwrap();
    let ended = first.end(LONG);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("at last"), "{ended:?}");
    second.wait_for_line("I too", LONG);
}

#[test]
fn a_private_system_stays_for_a_task_that_only_an_outage_keeps_waiting() {
    let api = BotApi::start();
    let world = with_api_that_fails(&api);
    let asked = world.run(&["ask", "--no-wait", "[[say: at last]]"]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    wait_until("it waits", LONG, || {
        world.count("SELECT COUNT(*) FROM job WHERE state = 'parked' AND parked_for = 'unavailable'") == 1
    });
    std::fs::remove_file(world.path("down")).unwrap();
    wait_until("it is done", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    wait_until("the private system ends", LONG, || !world.run(&["status"]).stdout.contains("is running"));
}

/// A world in which the pause is three seconds, an answer may take 1.5 and is slow after 0.5.
fn quick(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    world
}

const PAUSE: Duration = Duration::from_secs(3);
const CHATS: [i64; 5] = [9001, 9002, 9003, 9004, 9005];

fn sends(api: &BotApi) -> Vec<agentlab_stand_ins::bot_api::Recorded> {
    api.requests().into_iter().filter(|request| request.method == "sendMessage").collect()
}

/// Five deliveries that are too slow, and the circuit is open.
fn open(api: &BotApi, world: &World) {
    api.fail_next("sendMessage", Fault::Slow(Duration::from_millis(800)), 5);
    for chat in CHATS {
        api.user_says(chat, ANN, "/start");
    }
    wait_until("it is open", LONG, || state(world, "telegram") == "open");
}

#[test]
fn while_telegram_is_out_of_order_one_message_at_a_time_tries_patiently_and_none_is_lost_or_doubled() {
    let api = BotApi::start();
    let world = quick(&api);
    let _up = world.up();
    open(&api, &world);
    // The first probe gets through, longer than an answer may take else, and too slow to say that all is well.
    api.fail_next("sendMessage", Fault::Slow(Duration::from_secs(2)), 1);
    for chat in CHATS {
        api.user_says(chat, ANN, "/help");
    }
    assert!(world.run(&["status"]).stdout.contains("Telegram temporarily unavailable for"));
    // What holds it is a row.
    kill_9(world.pid("bot", 0));
    for chat in CHATS {
        api.wait_for_text(chat, "Any message is a task", LONG);
    }
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    for chat in CHATS {
        let texts: Vec<String> = api.messages(chat).into_iter().map(|message| message.text).collect();
        assert!(texts.len() == 2 && !texts[1].contains("repeat"), "{texts:?}");
    }
    let sends = sends(&api);
    assert_eq!(sends.len(), 10);
    let gap = |n: usize| sends[n].at - sends[n - 1].at;
    assert!(gap(5) > PAUSE, "left alone: {:?}", gap(5));
    assert!(gap(6) > PAUSE + Duration::from_secs(2), "and again: {:?}", gap(6));
    wait_until("it is closed", LONG, || state(&world, "telegram") == "closed");
}

#[test]
fn slow_answers_open_it_too_then_no_progress_is_sent_and_answers_come_in_short_parts() {
    let api = BotApi::start();
    let world = quick(&api);
    let _up = world.up();
    open(&api, &world);
    api.user_says(ANN, ANN, "[[tool: Bash now]] [[sleep: 0.5]] [[long: 3000]]");
    wait_until("it is done", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    let parts = world.count("SELECT COUNT(*) FROM outbox WHERE job_id IS NOT NULL");
    assert_eq!(parts, 4, "a thousand each, cut between words");
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    let messages = api.messages(ANN);
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let arrived: String = messages.iter().map(|message| digits(&message.text)).collect();
    let whole: String = "0123456789 ".chars().cycle().take(3000).collect();
    assert_eq!(arrived, digits(&whole), "no character is lost, and in order");
    let shown = messages.iter().flat_map(|message| &message.history);
    let progress: Vec<&String> = shown.filter(|text| text.contains("running")).collect();
    assert!(progress.is_empty(), "{progress:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM outbox WHERE doubts > 0 OR state = 'given_up'"), 0);
}

#[test]
fn where_nothing_is_owed_a_poll_that_is_answered_closes_it() {
    let api = BotApi::start();
    let world = quick(&api);
    let _up = world.up();
    open(&api, &world);
    wait_until("it is closed", LONG, || state(&world, "telegram") == "closed");
    assert_eq!(sends(&api).len(), 5);
    // While nothing is wrong polls leave no rows.
    let rows = world.count("SELECT COUNT(*) FROM call");
    api.wait_for(LONG, "three more polls", {
        let polls = |state: &agentlab_stand_ins::bot_api::State| {
            state.requests().iter().filter(|request| request.method == "getUpdates").count()
        };
        let mut from = None;
        move |state| (polls(state) >= *from.get_or_insert(polls(state)) + 3).then_some(())
    });
    assert!(world.count("SELECT COUNT(*) FROM call") <= rows + 3, "a few while a failure is fresh");
}

#[test]
fn deliveries_without_an_answer_open_it_and_arrive_when_telegram_is_back() {
    for fault in [Fault::Server(502), Fault::DropConnection, Fault::Hang] {
        let api = BotApi::start();
        let world = quick(&api);
        api.fail_next("sendMessage", fault.clone(), 5);
        // All in one poll: each that is answered counts for Telegram.
        for chat in CHATS {
            api.user_says(chat, ANN, "/help");
        }
        let _up = world.up();
        wait_until("it is open", LONG, || state(&world, "telegram") == "open");
        for chat in CHATS {
            api.wait_for_text(chat, "Any message is a task", LONG);
            assert_eq!(api.messages(chat).len(), 1, "{fault:?}: {}", api.transcript(chat));
        }
        wait_until("it is closed", LONG, || state(&world, "telegram") == "closed");
        wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    }
}

#[test]
fn polls_without_an_answer_open_it_and_what_comes_meanwhile_is_answered() {
    let api = BotApi::start();
    let world = quick(&api);
    let _up = world.up();
    api.fail_next("getUpdates", Fault::DropConnection, 5);
    wait_until("it is open", LONG, || state(&world, "telegram") == "open");
    api.user_says(ANN, ANN, "/help");
    api.wait_for_text(ANN, "Any message is a task", LONG);
    wait_until("it is closed", LONG, || state(&world, "telegram") == "closed");
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
}

#[test]
fn refusals_and_a_telegram_that_asks_for_patience_open_nothing() {
    let api = BotApi::start();
    let world = quick(&api);
    let _up = world.up();
    let refused = Fault::Status { code: 400, description: "Bad Request: something new".into() };
    api.fail_next("sendMessage", Fault::TooManyRequests { retry_after: 1 }, 5);
    for chat in CHATS {
        api.user_says(chat, ANN, "/help");
    }
    for chat in CHATS {
        api.wait_for_text(chat, "Any message is a task", LONG);
    }
    api.fail_next("sendMessage", refused, 5);
    for chat in CHATS {
        api.user_says(chat, ANN, "/start");
    }
    wait_until("all are given up", LONG, || world.count("SELECT COUNT(*) FROM outbox WHERE state = 'given_up'") == 5);
    assert_eq!(state(&world, "telegram"), "closed");
    assert_eq!(world.count("SELECT COALESCE(SUM(failed), 0) FROM call"), 0);
}
