//! The clock is set ten days forward, and back, while everything works: nothing that runs is lost, nothing waits ten days for it,
//! no budget is there twice, and nothing is deleted early. What is set is the clock of the program alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentlab_stand_ins::BotApi;

use super::restart::side_by_side;
use crate::world::{ANN, LONG, Look, World, wait_until};

const DAYS_MS: i64 = 10 * 24 * 3_600_000;

/// A world whose clock can be set.
fn settable(api: &BotApi, more: &str) -> (World, PathBuf) {
    let mut world = side_by_side(api);
    world.configure(more);
    let clock = world.path("clock");
    world.env.push(("AGENTLAB_TEST_CLOCK_SET_BY".into(), clock.display().to_string()));
    (world, clock)
}

/// Sets the clock by so much in all, and waits until rows are put right.
fn set(look: &Look, clock: &Path, by: i64) {
    let ahead = |look: &Look| look.count("SELECT wall_ms - CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM clock");
    wait_until("the clock was looked at before", LONG, || look.count("SELECT COUNT(*) FROM clock") == 1);
    let new = clock.with_extension("new");
    fs::write(&new, by.to_string()).unwrap();
    fs::rename(new, clock).unwrap();
    wait_until("that it was set is seen", LONG, || (ahead(look) - by).abs() < 120_000);
}

#[test]
fn forward_and_back_while_tasks_run_wait_and_are_paused() {
    let api = BotApi::start();
    let (world, clock) = settable(&api, "");
    let up = world.up();
    let look = Look::into(&world);
    for chat in [-1, -2] {
        api.user_says(chat, ANN, &format!("[[tool: Bash first]] [[sleep: 12]] [[say: ran{chat}.]]"));
        api.wait_for_text(chat, "Bash: first", LONG);
    }
    let held = look.held();
    assert_eq!(held.len(), 2);
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    // Ten days ahead a backup is made, a task is accepted and done, and everything is paused for an hour.
    set(&look, &clock, DAYS_MS);
    assert_eq!(look.held(), held, "no lease is lost");
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    let ahead = world.run(&["ask", "[[say: ahead]]"]);
    assert!(ahead.code == Some(0) && ahead.stdout.contains("ahead"), "{ahead:?}");
    assert_eq!(look.count("SELECT COUNT(*) FROM telegram_update WHERE decision = 'job'"), 2, "nothing is forgotten");
    assert_eq!(world.run(&["pause", "--until", "1h"]).code, Some(0));
    api.user_says(-3, ANN, "[[say: after the pause]]");
    api.wait_for_text(-3, "Paused until", LONG);
    // And back.
    set(&look, &clock, 0);
    assert_eq!(look.held(), held, "no lease is lost");
    let left = look.count("SELECT until - CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM pause");
    assert!((1..=3_600_000).contains(&left), "an hour is an hour: {left}");
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    let numbers: Vec<serde_json::Value> =
        serde_json::from_str(&world.run(&["--json", "backup", "list"]).stdout).unwrap();
    let numbers: Vec<i64> = numbers.iter().map(|backup| backup["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1], "the newest is the one that was made last");
    assert_eq!(world.run(&["resume"]).code, Some(0));
    api.wait_for_text(-3, "after the pause", LONG);
    for chat in [-1, -2] {
        api.wait_for_text(chat, &format!("ran{chat}."), LONG);
    }
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE attempt > 1"), 0, "no task was begun again");
    assert_eq!(look.count("SELECT COUNT(*) FROM crash WHERE kind = 'crash'"), 0);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_daily_budget_is_spent_once_and_blocks_no_day_longer_also_across_a_restart() {
    let api = BotApi::start();
    let (world, clock) = settable(&api, "[budget]\ntask_usd = 1\ndaily_usd = 1\n");
    let up = world.up();
    let look = Look::into(&world);
    let parked = |look: &Look| look.count("SELECT COUNT(*) FROM job WHERE state = 'parked' AND parked_for = 'budget'");
    api.user_says(-1, ANN, "[[cost: 1]] [[say: spent]]");
    api.wait_for_text(-1, "spent", LONG);
    set(&look, &clock, DAYS_MS);
    api.user_says(-2, ANN, "[[cost: 1]] [[say: twice]]");
    wait_until("the day is not there twice", LONG, || parked(&look) == 1);
    // It is put off to a day that is eleven days away once the clock is right again, which happens while nothing runs.
    assert_eq!(up.stop().code, Some(0));
    fs::remove_file(&clock).unwrap();
    let up = world.up();
    wait_until("it is put off to tomorrow at the latest", LONG, || {
        parked(&look) == 1
            && look.count("SELECT run_at - CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM job WHERE chat = -2")
                <= 90_000_000
    });
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1, "today's money is spent");
    assert_eq!(look.count("SELECT COUNT(*) FROM spend WHERE reserved_at > unixepoch() * 1000 + 60000"), 0);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_limit_of_the_account_that_was_met_under_a_clock_that_was_ahead_is_tried_again() {
    let api = BotApi::start();
    let (world, clock) = settable(&api, "");
    fs::write(&clock, DAYS_MS.to_string()).unwrap();
    let up = world.up();
    let look = Look::into(&world);
    let marker = world.path("limited");
    let resets = agentlab_platform::clock::now_ms() / 1000 + DAYS_MS / 1000 + 18_000;
    let text = format!("[[first: {}]] [[limit: {resets}]] [[first: end]] [[say: went on.]]", marker.display());
    api.user_says(-1, ANN, &text);
    wait_until("it is parked", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'parked'") == 1);
    let held = look.count("SELECT until - CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM hold");
    assert!(held > DAYS_MS, "{held}");
    set(&look, &clock, 0);
    api.wait_for_text(-1, "went on.", LONG);
    assert_eq!(look.count("SELECT COUNT(*) FROM hold"), 0);
    assert_eq!(up.stop().code, Some(0));
}
