//! Another number of workers while they work: nothing is lost, and whoever has to go finishes its own task first.

use agentlab_stand_ins::BotApi;

use super::restart::{log_of, side_by_side};
use crate::world::{ANN, LONG, Look, World, wait_until};

#[test]
fn workers_are_added_and_drained_while_tasks_run_and_each_finishes_its_own() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let _up = world.up();
    let look = Look::into(&world);
    let grown = world.run(&["scale", "5"]);
    assert!(grown.code == Some(0) && grown.stdout.trim() == "5 workers", "{grown:?}");
    let chats = [-30, -40, -50, -60, -70];
    for chat in chats {
        api.user_says(chat, ANN, &format!("[[tool: Bash first]] [[sleep: 3]] [[say: answer{chat}.]]"));
    }
    wait_until("all five run at once", LONG, || look.held().len() == 5);
    wait_until("the console expects five", LONG, || health(&world)["worker_pool"]["wanted"] == 5);
    let mut shrinking = world.start(&["scale", "1"]);
    shrinking.wait_for_line("finish the running tasks first", LONG);
    for n in 0..3 {
        api.user_says(-80 - n, ANN, &format!("[[say: late-{n}.]]"));
    }
    let shrunk = shrinking.end(LONG);
    assert!(shrunk.code == Some(0) && shrunk.stdout.trim() == "1 worker", "{shrunk:?}");
    for chat in chats {
        api.wait_for_text(chat, &format!("answer{chat}."), LONG);
        assert_eq!(api.messages(chat).len(), 1, "{}", api.transcript(chat));
    }
    for n in 0..3 {
        api.wait_for_text(-80 - n, &format!("late-{n}."), LONG);
    }
    // Whoever had begun a run brought it to its end himself: nobody adopted one.
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 8, "one run a task");
    let logs: String = (1..=5).map(|slot| log_of(&world, &format!("worker-{slot}"))).collect();
    let claims: Vec<&str> = logs.lines().filter(|line| line.contains("\"claimed\"")).collect();
    assert!(claims.len() == 8 && claims.iter().all(|claim| claim.contains("\"fresh\":true")), "{claims:?}");
    assert_eq!(logs.matches("\"stopped\"").count(), 4, "four of them ended in their own way: {logs}");
    wait_until("nobody else is listed", LONG, || look.count("SELECT COUNT(*) FROM process WHERE role = 'worker'") == 1);
    wait_until("the console is content with one", LONG, || {
        let health = health(&world);
        health["status"] == "ok" && health["worker_pool"]["wanted"] == 1 && health["worker_pool"]["ready"] == 1
    });
    // It holds through a restart of everything.
    assert_eq!(world.run(&["restart"]).code, Some(0));
    assert_eq!(look.count("SELECT COUNT(*) FROM process WHERE role = 'worker'"), 1);
    let quick = world.run(&["--json", "scale", "2", "--no-wait"]);
    let quick: serde_json::Value = serde_json::from_str(&quick.stdout).unwrap();
    assert_eq!((quick["workers"].as_u64(), quick["configured"].as_u64()), (Some(2), Some(3)), "{quick}");
}

fn health(world: &World) -> serde_json::Value {
    let (_, body) = super::up::get(world, "/health", &format!("127.0.0.1:{}", world.port));
    serde_json::from_str(&body).unwrap()
}
