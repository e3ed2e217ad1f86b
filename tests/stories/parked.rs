//! Parked, not burnt: what meets every task alike keeps all of them, says so once, and uses up no attempt.

use std::time::{SystemTime, UNIX_EPOCH};

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

fn in_seconds(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds
}

fn world(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    // A reset is a time of the world outside: it is not shortened.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "1".into()));
    world
}

#[test]
fn a_usage_limit_holds_every_task_of_the_account_until_its_reset_with_one_notice() {
    let api = BotApi::start();
    let world = world(&api);
    let marker = world.path("limited");
    let _up = world.up();
    let text = format!("[[first: {}]] [[limit: {}]] [[first: end]] [[say: at last.]]", marker.display(), in_seconds(6));
    api.user_says(ANN, ANN, &text);
    api.wait_for_text(ANN, "the usage limit of the Claude account is reached", LONG);
    for n in 1..=2 {
        api.user_says(-50, ANN, &format!("[[say: other-{n}.]]"));
    }
    api.wait_for_text(-50, "waiting tasks go on at", LONG);
    let place = world.sql("SELECT place FROM v_queue WHERE task = 2")[0]["place"].as_str().unwrap().to_owned();
    assert!(place.starts_with("the usage limit is reached, not before"), "{place}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "the others were not even begun");
    api.wait_for_text(ANN, "at last.", LONG);
    api.wait_for_text(-50, "other-2.", LONG);
    let notices = api.messages(-50).iter().filter(|m| m.text.contains("waiting tasks go on at")).count();
    assert_eq!(notices, 1, "{}", api.transcript(-50));
    assert_eq!(world.count("SELECT SUM(uses_attempt) FROM run WHERE outcome = 'usage_limit'"), 0, "parked, not burnt");
}

#[test]
fn a_missing_login_parks_and_the_next_start_looks_again() {
    let mut world = World::new();
    world.rehearse();
    let marker = world.path("login");
    let text = format!("[[first: {}]] [[login]] [[first: end]] [[say: logged in.]]", marker.display());
    let up = world.up();
    let ended = world.run(&["ask", &text]);
    assert_eq!(ended.code, Some(69), "{ended:?}");
    // The next one is not even begun, and its asker does not wait for hours.
    let other = world.run(&["ask", "[[say: second.]]"]);
    assert_eq!(other.code, Some(69), "{other:?}");
    assert!(other.stderr.contains("task 2 waits: Claude is not logged in on the machine"), "{other:?}");
    assert!(world.run(&["status"]).stdout.contains("Claude is not logged in on the machine"));
    wait_until("it waits", LONG, || {
        world
            .sql("SELECT place FROM v_queue WHERE task = 2")
            .first()
            .is_some_and(|row| row["place"].as_str().is_some_and(|place| place.starts_with("Claude is not logged in")))
    });
    up.stop();
    let _up = world.up();
    wait_until("both are done", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 2);
    assert_eq!(world.count("SELECT SUM(uses_attempt) FROM run WHERE outcome = 'not_logged_in'"), 0);
}
