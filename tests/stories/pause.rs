//! A pause: what runs goes on, nothing new begins, over every restart, until somebody resumes or its time has come.

use agentlab_stand_ins::BotApi;
use serde_json::{Value, json};

use super::console::socket;
use crate::world::{ANN, LONG, Look, World, wait_until};

/// Nobody claims anything, though everybody has looked since.
fn nothing_begins(world: &World, look: &Look, runs: i64) {
    let turns = |look: &Look| look.count("SELECT SUM(heartbeat) FROM process WHERE role = 'worker'");
    let before = turns(look);
    agentlab_platform::ping::ping_workers(&agentlab_platform::home::Home::at(world.home()).unwrap());
    wait_until("the workers have looked", LONG, || turns(look) > before + 3);
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), runs);
}

#[test]
fn what_runs_is_finished_and_what_waits_begins_when_somebody_resumes_whatever_is_started_anew() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let up = world.up();
    let look = Look::into(&world);
    api.user_says(-1, ANN, "[[tool: Bash first]] [[sleep: 3]] [[say: the first.]]");
    wait_until("it runs", LONG, || look.held().len() == 1);
    api.user_says(ANN, ANN, "/pause");
    api.wait_for_text(ANN, "Paused until somebody resumes (by user 7001", LONG);
    for chat in [-2, -3] {
        api.user_says(chat, ANN, &format!("[[say: answer{chat}.]]"));
        api.wait_for_text(chat, "Paused until somebody resumes; it is kept.", LONG);
    }
    api.wait_for_text(-1, "the first.", LONG);
    assert_eq!(world.run(&["restart"]).code, Some(0));
    nothing_begins(&world, &look, 1);
    assert_eq!(up.stop().code, Some(0));
    let up = world.up();
    nothing_begins(&world, &look, 1);

    // Everybody who looks sees it.
    let status = world.run(&["status"]);
    assert!(status.stdout.contains("Paused until somebody resumes"), "{status:?}");
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, "2 queued", LONG);
    api.wait_for_text(ANN, "nothing new begins, what runs goes on.", LONG);
    let (code, health) = socket(&world, "GET", "/health", None);
    assert_eq!((code, &health["status"], &health["paused"]["until"]), (200, &json!("ok"), &Value::Null), "{health}");
    assert!(health["paused"]["since"].is_i64(), "{health}");
    assert_eq!(look.count("SELECT COUNT(*) FROM v_queue WHERE place = 'paused'"), 2);
    let waits = world.run(&["ask", "[[say: from a terminal]]"]);
    assert!(waits.code == Some(69) && waits.stderr.contains("Paused until somebody resumes"), "{waits:?}");
    let kept = world.run(&["ask", "--no-wait", "[[say: from a terminal]]"]);
    assert!(kept.code == Some(0) && kept.stderr.contains("paused until somebody resumes; it is kept"), "{kept:?}");

    api.user_says(ANN, ANN, "/resume");
    api.wait_for_text(ANN, "Resumed: waiting tasks begin again.", LONG);
    for chat in [-2, -3] {
        api.wait_for_text(chat, &format!("answer{chat}."), LONG);
    }
    wait_until("all of them ran", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 5);
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 5, "one run a task");
    assert_eq!(look.count("SELECT COUNT(*) FROM alert WHERE rule = 'worker_pool_saturated'"), 0);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_pause_with_a_time_ends_by_itself_and_a_time_that_makes_no_sense_pauses_nothing() {
    let world = World::new();
    let up = world.up();
    let look = Look::into(&world);
    for wrong in ["soon", "2020-01-01T00:00", "0h", "900d", "25:00"] {
        let refused = world.run(&["pause", "--until", wrong]);
        assert!(refused.code == Some(2) && refused.stderr.contains("nothing is paused"), "{wrong}: {refused:?}");
        let (code, body) = socket(&world, "POST", "/api/pause", Some(&json!({ "until": wrong })));
        assert!(code == 422 && body["error"].as_str().unwrap().starts_with("nothing is paused"), "{wrong}: {body}");
    }
    assert_eq!(socket(&world, "POST", "/api/pause", Some(&json!({ "till": "2h" }))).0, 422);
    assert_eq!(look.count("SELECT COUNT(*) FROM pause"), 0);
    assert_eq!(world.run(&["resume"]).stdout.trim(), "nothing was paused");

    let paused = world.run(&["pause", "--until", "4s"]);
    assert!(paused.code == Some(0) && paused.stdout.starts_with("Paused until "), "{paused:?}");
    let (code, accepted) = socket(&world, "POST", "/api/jobs", Some(&json!({ "prompt": "[[say: later]]" })));
    assert!(code == 202 && accepted["paused"].as_str().unwrap().ends_with("it is kept"), "{accepted}");
    wait_until("it begins by itself", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    let early = "SELECT COUNT(*) FROM run, pause WHERE run.claimed_at < pause.until";
    assert_eq!(look.count(early), 0, "not before its time");
    let late = "SELECT COUNT(*) FROM run, pause WHERE run.claimed_at > pause.until + 2000";
    assert_eq!(look.count(late), 0, "nobody slept over it");
    // From the last look, where the database does not answer at once.
    wait_until("health says so", LONG, || socket(&world, "GET", "/health", None).1["paused"] == Value::Null);

    let (code, body) = socket(&world, "POST", "/api/pause", None);
    assert_eq!((code, &body["until"], &body["by"]), (200, &Value::Null, &json!("the socket")), "{body}");
    wait_until("it is seen", LONG, || socket(&world, "GET", "/api/status", None).1["paused"]["by"] == "the socket");
    assert_eq!(socket(&world, "POST", "/api/resume", None).1, json!({ "resumed": true }));
    assert_eq!(socket(&world, "POST", "/api/resume", None).1, json!({ "resumed": false }));
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn without_a_system_a_paused_queue_is_kept_and_the_private_one_does_not_stay() {
    let world = World::new();
    assert_eq!(world.run(&["pause"]).code, Some(0));
    let waits = world.run(&["ask", "[[say: later]]"]);
    assert!(waits.code == Some(69) && waits.stderr.contains("Paused until somebody resumes"), "{waits:?}");
    wait_until("nobody stays for it", LONG, || world.living().is_empty());
    assert!(world.run(&["resume"]).stdout.contains("start it with"));
    assert!(world.run(&["ask", "[[say: now]]"]).stdout.contains("now"));
    wait_until("the earlier one was done too", LONG, || {
        world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 2
    });
}
