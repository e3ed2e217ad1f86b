//! The intake: what was sent is neither lost nor done twice, wherever the bot is killed.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, kill_9, wait_until};

#[test]
fn messages_sent_while_the_bot_is_dead_are_answered_after_it_is_back() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let up = world.up();
    api.user_says(ANN, ANN, "[[say: before]]");
    api.wait_for_text(ANN, "before", LONG);
    up.stop();
    for n in 0..3 {
        api.user_says(ANN, ANN, &format!("[[say: answer-{n}.]]"));
    }
    let _up = world.up();
    for n in 0..3 {
        api.wait_for_text(ANN, &format!("answer-{n}."), LONG);
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 4);
}

#[test]
fn kill_9_of_the_bot_with_messages_on_their_way_loses_none() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    for n in 0..3 {
        kill_9(world.pid("bot", 0));
        api.user_says(ANN, ANN, &format!("[[say: answer-{n}.]]"));
        api.wait_for_text(ANN, &format!("answer-{n}."), LONG);
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 3);
}

/// Between any two statements of the intake the bot is killed once; the message is answered once all the same.
#[test]
fn kill_9_between_any_two_statements_of_the_intake_loses_none_and_doubles_none() {
    let points = [
        "intake-begin",
        "intake-update",
        "intake-effect",
        "intake-status",
        "intake-commit",
        "intake-committed",
        "intake-confirm",
    ];
    // A system for each point, side by side.
    std::thread::scope(|scope| {
        for points in points.chunks(3) {
            scope.spawn(move || points.iter().for_each(|point| killed_at(point)));
        }
    });
}

fn killed_at(point: &str) {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let marker = world.path("killed");
    world.env.push(("AGENTLAB_TEST_KILL_AT".into(), format!("{point}:{}", marker.display())));
    let _up = world.up();
    let first = world.pid("bot", 0);
    api.user_says(ANN, ANN, "[[say: answer-1.]]");
    api.user_says(ANN, ANN, "[[say: answer-2.]]");
    api.wait_for_text(ANN, "answer-1.", LONG);
    api.wait_for_text(ANN, "answer-2.", LONG);
    assert!(marker.exists(), "{point}: it was killed there");
    assert_ne!(world.pid("bot", 0), first, "{point}");
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 2, "{point}: none is done twice");
    for n in 1..=2 {
        let answers = api.messages(ANN).iter().filter(|m| m.text.contains(&format!("answer-{n}."))).count();
        assert_eq!(answers, 1, "{point}: {}", api.transcript(ANN));
    }
}

#[test]
fn two_pollers_are_told_apart_and_the_conflict_is_said() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let conflict = agentlab_stand_ins::bot_api::Fault::Status {
        code: 409,
        description:
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running".into(),
    };
    api.fail_next("getUpdates", conflict, 6);
    // The open poll ends with a message; the next ones meet the conflict.
    api.user_says(ANN, ANN, "[[say: before]]");
    wait_until("status says it", LONG, || world.run(&["status"]).stdout.contains("another program polls"));
    assert!(!world.run(&["doctor"]).stdout.is_empty());
    api.user_says(ANN, ANN, "[[say: after]]");
    api.wait_for_text(ANN, "after", LONG);
    wait_until("it is over", LONG, || !world.run(&["status"]).stdout.contains("another program polls"));
}
