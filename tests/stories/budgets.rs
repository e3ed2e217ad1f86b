//! Budgets: what may be spent is set aside before a run begins, and what was spent is never forgotten.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, kill_9, wait_until};

fn world(api: &BotApi, budget: &str) -> World {
    let mut world = World::with_bot(api);
    world.project("p");
    world.configure(&format!(
        "[projects.p]\npath = '{}'\nisolation = 'none'\n[budget]\n{budget}\n[workers]\ncount = 3\n",
        world.path("p").display()
    ));
    world
}

fn count(world: &World, what: &str) -> i64 {
    world.count(&format!("SELECT COUNT(*) FROM {what}"))
}

#[test]
fn ten_tasks_on_a_daily_budget_for_five_five_start_and_the_rest_say_why_also_across_kill_9() {
    let api = BotApi::start();
    let world = world(&api, "task_usd = 1\ndaily_usd = 5");
    let up = world.up();
    // Each in a chat of its own, so that nothing but money keeps it.
    for n in 1..=10 {
        api.user_says(-n, ANN, "[[sleep: 0.3]] [[cost: 1]] [[say: spent]]");
        if n == 4 {
            kill_9(world.pid("worker", 1));
        }
    }
    wait_until("five wait for money", LONG, || count(&world, "v_queue WHERE parked_for = 'budget'") == 5);
    wait_until("five are done", LONG, || count(&world, "job WHERE state = 'done'") == 5);
    assert_eq!(count(&world, "run"), 5, "nothing was begun for the others");
    api.wait_for_text(ANN, "Today's budget of $5.00 is 80 % spent ($4.00).", LONG);
    assert_eq!(world.count("SELECT SUM(settled_micro_usd) FROM spend"), 5_000_000);
    let told = (1..=10_i64).filter(|n| api.transcript(-n).contains("today's budget of $5.00 is used up")).count();
    assert_eq!(told, 5, "each says why");
    // Everything is killed and started again: it still holds.
    for (role, slot) in [("supervisor", 0), ("bot", 0), ("console", 0), ("worker", 1), ("worker", 2), ("worker", 3)] {
        kill_9(world.pid(role, slot));
    }
    drop(up);
    let _up = world.up();
    api.user_says(-11, ANN, "[[say: one too many]]");
    wait_until("it waits too", LONG, || count(&world, "v_queue WHERE parked_for = 'budget'") == 6);
    assert_eq!(count(&world, "run"), 5);
    let spent = api.wait_for_text(ANN, "Today's budget of $5.00 is 100 % spent", LONG);
    assert!(spent.text.contains("New tasks wait"), "{spent:?}");
    let cost = world.run(&["status"]);
    assert!(cost.stdout.contains("Spent today: $5.0000 of $5.0000"), "{cost:?}");
    api.user_says(ANN, ANN, "/cost");
    api.wait_for_text(ANN, &format!("Today by user {ANN}: $5.0000"), LONG);
    api.user_says(-11, ANN, "/cancel");
    api.wait_for_text(-11, "Task 11 is cancelled", LONG);
}

#[test]
fn money_that_was_set_aside_and_not_spent_lets_waiting_tasks_go_on() {
    let api = BotApi::start();
    let world = world(&api, "task_usd = 1\ndaily_usd = 1");
    let _up = world.up();
    for n in 1..=3 {
        api.user_says(-n, ANN, &format!("[[sleep: 0.2]] [[cost: 0.1]] [[say: answer-{n}]]"));
    }
    for n in 1..=3 {
        api.wait_for_text(-n, &format!("answer-{n}"), LONG);
    }
    assert_eq!(world.count("SELECT SUM(settled_micro_usd) FROM spend"), 300_000);
}

#[test]
fn r10_a_run_that_was_killed_settles_at_its_whole_reservation_and_the_flag_is_passed_on() {
    let mut world = World::new();
    world.rehearse();
    world.configure("[budget]\ntask_usd = 2.5\n[retry]\nmax_attempts = 1\n");
    let ended = world.run(&["ask", "[[exit: 3]]"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(world.count("SELECT settled_micro_usd FROM spend"), 2_500_000);
    let run = world.sql("SELECT run FROM v_runs")[0]["run"].as_str().unwrap().to_owned();
    let spec = std::fs::read_to_string(world.home().join("runs").join(run).join("spec.json")).unwrap();
    assert!(spec.contains("\"--max-budget-usd\",\n    \"2.500000\""), "{spec}");
}

#[test]
fn a_task_that_used_up_its_own_budget_ends_and_says_so() {
    let mut world = World::new();
    world.rehearse();
    world.configure("[budget]\ntask_usd = 1\n");
    let _up = world.up();
    let ended = world.run(&["ask", "[[cost: 1]] [[exit: 3]]"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("failed, the budget of one task of $1.00 is used up"), "{ended:?}");
    assert_eq!(count(&world, "run"), 1);
}

#[test]
fn a_raised_budget_lets_waiting_tasks_go_on_at_the_next_start() {
    let mut world = World::new();
    world.rehearse();
    world.env.push(("AGENTLAB_BUDGET__DAILY_USD".into(), "1".into()));
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[cost: 1]] [[say: all]]"]).code, Some(0));
    let ended = world.run(&["ask", "[[say: more]]"]);
    assert_eq!(ended.code, Some(69), "{ended:?}");
    assert!(ended.stderr.contains("today's budget of $1.00 is used up"), "{ended:?}");
    // Its supervisor is killed: the workers live on, and are replaced by those that know of the change.
    kill_9(up.pid());
    drop(up);
    world.env.clear();
    let _up = world.up();
    wait_until("it is done", LONG, || count(&world, "job WHERE state = 'done'") == 2);
}
