//! Stopping the real Claude Code CLI while a tool of its own runs: its tools have sessions of their own, which a signal
//! to the CLI alone does not reach.

use agentlab_platform::identity::{Identity, Living, marked};
use agentlab_stand_ins::MessagesApi;
use serde_json::json;

use super::real_claude::{LONGER, claude, run_dir, world};
use crate::world::{LONG, Look, wait_until};

/// The processes of this run whose command line holds `words`.
fn of_run(mark: &str, words: &str) -> Vec<Identity> {
    let runs = |process: &Identity| {
        let output = std::process::Command::new("ps").args(["-o", "args=", "-p", &process.pid.to_string()]).output();
        String::from_utf8_lossy(&output.unwrap().stdout).trim() == words
    };
    marked(mark).unwrap().into_iter().filter(runs).collect()
}

#[test]
fn cancel_ends_a_tool_that_would_run_for_long_within_the_grace() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let mut world = world(&claude, &api, "args = ['--allowedTools=Bash']", &[]);
    // The grace at its full length: that the CLI ends within it must not depend on a busy machine.
    world.env = vec![("AGENTLAB_TEST_TIME_SCALE".into(), "1".into())];
    let _up = world.up();
    let input = json!({ "command": "sleep 1000", "description": "Sleeps" });
    let asked = world.run(&["ask", "--no-wait", &format!("[[tool: Bash {input}]] [[say: never]]")]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    let run = run_dir(&world);
    let mark = format!("AGENTLAB_RUN={}", run.file_name().unwrap().to_string_lossy());
    wait_until("the tool runs", LONGER, || !of_run(&mark, "sleep 1000").is_empty());
    let tool = of_run(&mark, "sleep 1000");
    let ended = world.run(&["cancel", "1"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "task 1: cancelled"), "{ended:?}");
    assert!(tool.iter().all(|process| process.living() == Living::No), "the tool is gone: {tool:?}");
    wait_until("nothing of the run is left", LONG, || marked(&mark).unwrap().is_empty());
    let row = &world.sql("SELECT outcome, exit_signal FROM run")[0];
    // A CLI that had to be killed would show the signal.
    assert_eq!(*row, json!({ "outcome": "stopped", "exit_signal": null }), "within the grace");
    assert_eq!(api.requests().iter().filter(|asked| asked.has_tools).count(), 1, "it did not go on");
}
