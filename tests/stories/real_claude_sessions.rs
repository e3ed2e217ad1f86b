//! Conversations, instructions and budgets with the real Claude Code CLI: what it is told reaches the service.

use agentlab_stand_ins::{BotApi, MessagesApi, messages_api::Asked};

use super::real_claude::{LONGER, claude, with_bot, world};
use crate::world::{ANN, LONG, kill_9, wait_until};

/// The whole conversation of an agent's turn, as the service saw it.
fn conversation(asked: &Asked) -> String {
    asked.body["messages"].to_string()
}

fn newest_turn(api: &MessagesApi) -> Asked {
    api.requests().into_iter().rfind(|asked| asked.has_tools).unwrap()
}

#[test]
fn a_chat_is_one_conversation_a_fork_a_copy_of_it_and_new_begins_another() {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let world = with_bot(&claude, &bot, &api, "", &[]);
    let _up = world.up();
    let says = |text: &str, needle: &str| {
        bot.user_says(ANN, ANN, text);
        bot.wait_for_text(ANN, needle, LONGER);
    };
    says("kumquat [[say: one.]]", "one.");
    says("papaya [[say: two.]]", "two.");
    assert!(conversation(&newest_turn(&api)).contains("kumquat"), "it goes on");
    says("/fork", "goes on with a copy");
    says("quince [[say: three.]]", "three.");
    let forked = conversation(&newest_turn(&api));
    assert!(forked.contains("kumquat") && forked.contains("papaya"), "a copy remembers: {forked}");
    let first = world.sql("SELECT session FROM v_runs WHERE task = 1")[0]["session"].as_str().unwrap()[..8].to_owned();
    says(&format!("/session {first}"), "The next task goes on with conversation");
    says("medlar [[say: four.]]", "four.");
    let original = conversation(&newest_turn(&api));
    assert!(original.contains("kumquat") && !original.contains("quince"), "it stayed as it was: {original}");
    says("/new", "begins a new conversation");
    says("loquat [[say: five.]]", "five.");
    assert!(!conversation(&newest_turn(&api)).contains("kumquat"), "it is new");
    let opened = world.sql("SELECT opened FROM v_runs ORDER BY task");
    let opened: Vec<&str> = opened.iter().filter_map(|row| row["opened"].as_str()).collect();
    assert_eq!(opened, ["new", "resumed", "forked", "resumed", "new"]);
    let costs = world.sql("SELECT cost_usd FROM v_runs WHERE task <= 2 ORDER BY task");
    let cost = |n: usize| costs[n]["cost_usd"].as_f64().unwrap();
    assert!(cost(1) < 2.0 * cost(0), "a resumed run does not count the earlier one again: {costs:?}");
}

#[test]
fn a_transcript_that_is_gone_sets_the_conversation_aside() {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let world = with_bot(&claude, &bot, &api, "", &[]);
    let _up = world.up();
    bot.user_says(ANN, ANN, "kumquat [[say: one.]]");
    bot.wait_for_text(ANN, "one.", LONGER);
    // Emptied: the file is there, and the CLI finds no conversation in it.
    for project in std::fs::read_dir(world.path("user/.claude/projects")).unwrap() {
        for file in std::fs::read_dir(project.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                std::fs::write(path, "").unwrap();
            }
        }
    }
    bot.user_says(ANN, ANN, "papaya [[say: two.]]");
    let answer = bot.wait_for_text(ANN, "two.", LONGER);
    assert!(answer.text.contains("the earlier conversation could not be taken up"), "{answer:?}");
    let outcomes = world.sql("SELECT outcome, opened FROM v_runs WHERE task = 2 ORDER BY attempt");
    assert_eq!(outcomes[0]["outcome"], "session_lost", "{outcomes:?}");
    assert_eq!(outcomes.last().unwrap()["outcome"], "succeeded", "{outcomes:?}");
}

#[test]
fn the_service_sees_the_instructions_and_the_prompt_of_a_retried_run_says_that_it_was_interrupted() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let mut world = world(&claude, &api, "", &[]);
    world.configure("[budget]\ndaily_usd = 50\n");
    std::fs::write(world.home().join("orchestrator.md"), "Always mention the persimmon.").unwrap();
    let _up = world.up();
    let ask = world.start(&["ask", "kumquat [[slow: 3000 first second third]] [[say: finished.]]"]);
    api.wait_for(LONGER, "the first turn", |asked| asked.iter().find(|it| it.has_tools).map(|_| ()));
    let seen = newest_turn(&api);
    assert!(seen.body["system"].to_string().contains("Always mention the persimmon."), "the instructions arrived");
    let run = world.sql("SELECT run FROM v_runs")[0]["run"].as_str().unwrap().to_owned();
    wait_until("the agent is recorded", LONG, || world.home().join("runs").join(&run).join("child.json").exists());
    let child = std::fs::read_to_string(world.home().join("runs").join(&run).join("child.json")).unwrap();
    let child: serde_json::Value = serde_json::from_str(&child).unwrap();
    kill_9(i32::try_from(child["pid"].as_i64().unwrap()).unwrap());
    let ended = ask.end(LONGER);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = newest_turn(&api);
    assert!(conversation(&last).contains("an earlier run of this task was interrupted"), "{}", conversation(&last));
    assert!(last.body["system"].to_string().contains("Always mention the persimmon."), "every run gets them");
}
