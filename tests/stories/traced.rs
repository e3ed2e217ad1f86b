//! One request, one id: from the update, the terminal or the page to the answer, over every process that has to do with it.

use agentlab_stand_ins::BotApi;
use serde_json::Value;

use crate::world::{ANN, LONG, World, wait_until};

/// What each process says of a request, by `PROCESS: MESSAGE`, in the order in which it happened.
fn way(world: &World, id: &str) -> Vec<String> {
    let printed = world.run(&["logs", "--request", id]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    // `11-22 05:06:07 INFO  worker-1 task 1: claimed attempt=1 (request ...)`
    let says = |line: &str| {
        let (before, after) = line.split_once(": ").unwrap();
        let process = before.split_whitespace().nth(3).unwrap().split('-').next().unwrap();
        format!("{process}: {after}")
    };
    printed.stdout.lines().map(says).collect()
}

fn entries(world: &World, id: &str) -> Vec<Value> {
    let printed = world.run(&["--json", "logs", "--request", id]);
    printed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_task_by_chat_is_followed_from_its_message_to_its_answer_by_one_id() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[say: traced]]");
    api.wait_for_text(ANN, "traced", LONG);
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    let job = &world.sql("SELECT id, trace_id FROM job")[0];
    let id = job["trace_id"].as_str().unwrap();
    let told_after_its_end = || {
        let way = way(&world, id);
        let end = way.iter().position(|step| step.starts_with("worker: finished"));
        end.is_some_and(|end| way[end..].iter().any(|step| step.starts_with("bot: delivered")))
    };
    wait_until("the delivery is logged", LONG, told_after_its_end);
    let way = way(&world, id);
    let (begins, ends) = (["bot: accepted", "worker: claimed"], ["worker: finished", "bot: delivered"]);
    // Worker and shim go on side by side.
    for between in [&["worker: started"][..], &["shim: the agent began", "shim: the run is over"]] {
        let mut at = 0;
        for step in begins.iter().chain(between).chain(&ends) {
            let found = way[at..].iter().position(|line| line.starts_with(step));
            at += found.unwrap_or_else(|| panic!("no {step} after line {at}: {way:#?}"));
        }
    }
    for entry in entries(&world, id) {
        assert_eq!((&entry["request.id"], &entry["user.id"]), (&Value::from(id), &Value::from(ANN)), "{entry}");
        assert_eq!((&entry["task"], &entry["job.id"]), (&Value::from(1), &job["id"]), "{entry}");
        let of_run = !entry["target"].as_str().unwrap().starts_with("agentlab_bot");
        assert_eq!(entry["run.id"].is_string(), of_run, "{entry}");
    }
    // The answer to a command has its own.
    api.user_says(ANN, ANN, "/status");
    wait_until("the command is answered", LONG, || {
        world.count("SELECT COUNT(*) FROM outbox WHERE kind = 'reply' AND state = 'delivered'") == 1
    });
    let reply = world.sql("SELECT trace_id FROM outbox WHERE kind = 'reply'");
    assert!(reply[0]["trace_id"].is_string() && reply[0]["trace_id"] != job["trace_id"], "{reply:?}");
    // A part of it will do, and what nobody logged is no error.
    assert!(!entries(&world, &id[..8]).is_empty());
    assert!(world.run(&["logs", "--request", "ffffffffffffffff"]).stderr.contains("nothing was logged"));
}

#[test]
fn a_request_by_http_is_answered_with_its_id_and_a_task_of_a_terminal_has_one_too() {
    let world = World::new();
    let _up = world.up();
    let asked = std::process::Command::new("curl")
        .args(["-sS", "-D", "-", "--unix-socket"])
        .arg(world.home().join("run/console.sock"))
        .args([
            "-H",
            "Content-Type: application/json",
            "-d",
            r#"{"prompt": "[[say: by http]]"}"#,
            "http://agentlab/api/jobs",
        ])
        .output()
        .unwrap();
    let head = String::from_utf8(asked.stdout).unwrap();
    let id =
        head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_else(|| panic!("{head}")).trim();
    wait_until("it is done", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    assert_eq!(world.sql("SELECT trace_id FROM job")[0]["trace_id"], id);
    wait_until("its end is logged", LONG, || way(&world, id).iter().any(|step| step.starts_with("worker: finished")));
    assert!(way(&world, id).iter().any(|step| step.starts_with("console: asked")), "{:#?}", way(&world, id));
    assert_eq!(world.run(&["ask", "[[say: by hand]]"]).code, Some(0));
    let by_hand = world.sql("SELECT trace_id FROM job WHERE number = 2");
    let by_hand = by_hand[0]["trace_id"].as_str().unwrap();
    assert_ne!(by_hand, id);
    wait_until("its end is logged", LONG, || {
        way(&world, by_hand).iter().any(|step| step.starts_with("worker: finished"))
    });
    let roles = |role: &str| world.run(&["logs", "--role", role, "--since", "1h"]).stdout;
    assert!(roles("shim").contains("the agent began") && !roles("shim").contains("worker-"));
    assert_eq!(world.run(&["logs", "--since", "soon"]).code, Some(2));
}
