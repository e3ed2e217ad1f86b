//! `up`: start, health, restarts, Ctrl-C.

use agentlab_stand_ins::BotApi;
use nix::sys::signal::Signal;

use crate::world::{ANN, LONG, World, kill_9, wait_until};

pub(super) fn get(world: &World, path: &str, host: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", world.port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[test]
fn health_says_what_runs_and_only_to_this_machine() {
    let world = World::new();
    let up = world.up();
    let host = format!("127.0.0.1:{}", world.port);
    let (code, body) = get(&world, "/health", &host);
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(code, 200, "{body}");
    wait_until("it is ok", LONG, || get(&world, "/health", &host).1.contains("\"status\":\"ok\""));
    for key in ["status", "uptime", "active_tasks", "worker_pool", "message_queues", "components"] {
        assert!(health.get(key).is_some(), "{key}: {body}");
    }
    assert_eq!(get(&world, "/ready", &host).0, 200);
    assert!(body.contains("worker-1"), "{body}");
    assert_eq!(get(&world, "/health", "evil.example").0, 403);
    assert_eq!(get(&world, "/api/status", &host).0, 401);
    let ended = up.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn what_dies_is_started_again_and_the_supervisor_finds_its_daemons_after_its_own_death() {
    let world = World::new();
    let up = world.up();
    let before = world.pid("worker", 2);
    kill_9(before);
    wait_until("a new worker is ready", LONG, || {
        world.count("SELECT COUNT(*) FROM v_workers WHERE slot = 2 AND ready = 1") == 1
            && world.pid("worker", 2) != before
    });
    let pids = |world: &World| [world.pid("worker", 1), world.pid("worker", 3), world.pid("console", 0)];
    let daemons = pids(&world);
    kill_9(up.pid());
    drop(up);
    let up = world.up();
    assert_eq!(pids(&world), daemons, "no second copy beside a living one");
    assert_eq!(up.stop().code, Some(0));
    for pid in daemons {
        // Its lock is free a moment before the system has done away with it.
        let gone = || agentlab_platform::identity::Identity::of(pid).unwrap().is_none();
        wait_until("it stopped with the new supervisor", LONG, gone);
    }
}

#[test]
fn a_second_up_refuses_and_up_takes_over_from_a_private_system() {
    let world = World::new();
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 2]] [[say: survived]]"]);
    ask.wait_for_line("Bash: slow", LONG);
    let up = world.up();
    let second = world.run(&["up"]);
    assert_eq!(second.code, Some(75), "{second:?}");
    assert!(second.stderr.contains("already running"), "{second:?}");
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("survived"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "the run was taken over, not repeated");
    up.stop();
}

#[test]
fn ctrl_c_lets_a_running_task_go_on_and_the_next_up_answers_it() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[sleep: 3]] [[say: went on]]");
    let message = api.wait_for_text(ANN, "Bash: slow", LONG).message_id;
    let ended = up.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("1 running task goes on"), "{ended:?}");
    let _up = world.up();
    assert_eq!(api.wait_for_text(ANN, "went on", LONG).message_id, message, "in the same message");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
    let answers = api.messages(ANN).iter().filter(|message| message.text.contains("went on")).count();
    assert_eq!(answers, 1, "{}", api.transcript(ANN));
}

#[test]
fn a_second_ctrl_c_stops_the_tasks_too() {
    let world = World::new();
    let mut up = world.up();
    let ask = world.start(&["ask", "--no-wait", "[[fork: 600]] [[hang]]"]).end(LONG);
    assert_eq!(ask.code, Some(0));
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM v_runs WHERE state = 'running'") == 1);
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    up.signal(Signal::SIGINT);
    up.wait_for_line("Ctrl-C once more", LONG);
    up.signal(Signal::SIGINT);
    assert_eq!(up.end(LONG).code, Some(0));
    assert!(agentlab_platform::identity::marked(&format!("AGENTLAB_RUN={run}")).unwrap().is_empty());
    let _up = world.up();
    wait_until("the task says so", LONG, || world.sql("SELECT state FROM job")[0]["state"] == "cancelled");
}

#[test]
fn ctrl_c_while_it_starts_stops_it_at_once_and_leaves_nothing() {
    for wait_ms in [5, 20, 40, 80] {
        let world = World::new();
        let up = world.start(&["up"]);
        std::thread::park_timeout(std::time::Duration::from_millis(wait_ms));
        // Before it listens for signals, the signal's own effect ends it: that too is an end at once.
        up.signal(Signal::SIGINT);
        up.end(std::time::Duration::from_secs(2));
        let left = agentlab_platform::identity::marked(&format!("TEST_WORLD={}", world.path("").display()));
        assert_eq!(left.unwrap(), [], "{wait_ms} ms");
    }
}
