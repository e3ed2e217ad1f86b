//! Crashes: each has a line and a row with its release, and nothing else has; a young release that crashes often is suspect, and
//! the owner hears of it once.

use std::{fs, process::Command};

use agentlab_stand_ins::BotApi;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{locked::Foreign, up::get};
use crate::world::{ANN, LONG, World, kill_9, wait_until};

/// The lines of the crash history of this kind.
fn lines(world: &World, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(world.home().join("crash_history.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["kind"] == kind).collect()
}

fn rows(world: &World) -> i64 {
    world.count("SELECT COUNT(*) FROM v_crashes WHERE kind = 'crash'")
}

/// Waits until another process than `old` is ready at the post.
fn another(world: &World, role: &str, old: i32) -> i32 {
    wait_until("another is ready", LONG, || {
        world.count(&format!(
            "SELECT COUNT(*) FROM process WHERE role = '{role}' AND slot < 2 AND pid <> {old} AND ready_at IS NOT NULL"
        )) == 1
    });
    let slot = i64::from(role == "worker");
    world.pid(role, slot)
}

/// The program as it is just after an installation: a file of its own, written now.
fn installed_now(world: &mut World) {
    let path = world.path("bin/agentlab");
    assert!(Command::new("cp").arg(&world.program).arg(&path).status().unwrap().success());
    world.program = path;
}

/// The same, written two hours ago; where the commit is young, that alone counts.
fn installed_long_ago(world: &mut World) {
    installed_now(world);
    let file = fs::OpenOptions::new().append(true).open(&world.program).unwrap();
    let then = std::time::SystemTime::now() - std::time::Duration::from_hours(3);
    file.set_modified(then).unwrap();
}

fn told(api: &BotApi, needle: &str) -> usize {
    api.messages(ANN).iter().filter(|message| message.text.contains(needle)).count()
}

#[test]
fn kill_9_of_worker_and_bot_leaves_a_line_and_a_row_each_with_the_release() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    for (role, slot) in [("worker", 1), ("bot", 0)] {
        let old = world.pid(role, slot);
        kill_9(old);
        another(&world, role, old);
    }
    wait_until("both have their rows", LONG, || rows(&world) == 2);
    let noted = world.sql("SELECT process, version, built_from, reason, was_ready FROM v_crashes WHERE kind = 'crash'");
    let crashes = lines(&world, "crash");
    assert_eq!(crashes.len(), 2, "{crashes:?}");
    for (line, row) in crashes.iter().zip(noted.iter().rev()) {
        assert_eq!((&line["process"], &line["reason"]), (&row["process"], &row["reason"]));
        assert_eq!(row["reason"], "ended by signal 9");
        assert_eq!((&row["version"], &row["was_ready"]), (&Value::from(env!("CARGO_PKG_VERSION")), &Value::from(1)));
        assert_eq!((&line["commit"], &row["built_from"]), (&commit(), &commit()));
    }
    assert_eq!(crashes[0]["process"], "worker-1");
    assert_eq!(crashes[1]["process"], "bot");
    // Everybody's start is there as well: six, and the two that came after.
    assert_eq!(lines(&world, "start").len(), 8);
    assert_eq!(world.count("SELECT COUNT(*) FROM v_crashes WHERE kind = 'start'"), 8);
}

/// What this build knows of its commit.
fn commit() -> Value {
    option_env!("AGENTLAB_COMMIT").map_or(Value::Null, Value::from)
}

#[test]
fn three_crashes_of_a_young_release_make_it_suspect_everywhere_and_the_owner_hears_of_it_once() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    installed_now(&mut world);
    let up = world.up();
    let mut old = world.pid("worker", 1);
    for _ in 0..2 {
        kill_9(old);
        old = another(&world, "worker", old);
    }
    wait_until("both have their rows", LONG, || rows(&world) == 2);
    assert!(!world.run(&["status"]).stdout.contains("suspect"), "two are not enough");
    kill_9(old);
    old = another(&world, "worker", old);
    wait_until("the third has its row", LONG, || rows(&world) == 3);
    let status = world.run(&["status"]).stdout;
    let words = "is suspect: 3 crashes in 30 minutes, it is less than a minute old";
    assert!(status.contains(words), "{status}");
    let as_json: Value = serde_json::from_str(&world.run(&["--json", "status"]).stdout).unwrap();
    assert!(as_json["suspicion"]["words"].as_str().unwrap().contains(words), "{as_json}");
    assert_eq!(as_json["suspicion"]["crashes"], 3);
    let health = get(&world, "/health", &format!("127.0.0.1:{}", world.port)).1;
    assert!(health.contains(words), "{health}");
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, "is suspect: 3 crashes in 30 minutes", LONG);
    wait_until("the owner is told", LONG, || told(&api, "The last crash: worker-1, ended by signal 9") == 1);
    wait_until("also of the worker", LONG, || told(&api, "worker-1 crashed 3 times within 30 minutes") == 1);
    // Neither a fourth crash nor another supervisor tells it again.
    kill_9(old);
    another(&world, "worker", old);
    wait_until("the fourth has its row", LONG, || rows(&world) == 4);
    assert_eq!(up.stop().code, Some(0));
    let _up = world.up();
    api.user_says(ANN, ANN, "[[say: still here]]");
    api.wait_for_text(ANN, "still here", LONG);
    assert_eq!((told(&api, "The last crash:"), told(&api, "crashed 3 times within")), (1, 1));
}

#[test]
fn an_old_release_is_not_suspect_but_its_owner_hears_of_the_component() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    installed_long_ago(&mut world);
    let _up = world.up();
    let mut old = world.pid("worker", 1);
    for _ in 0..3 {
        kill_9(old);
        old = another(&world, "worker", old);
    }
    wait_until("the owner is told", LONG, || told(&api, "worker-1 crashed 3 times within 30 minutes") == 1);
    wait_until("all have their rows", LONG, || rows(&world) == 3);
    let suspects = lines(&world, "crash").iter().filter(|line| line["suspect"] == true).count();
    let status = world.run(&["status"]).stdout;
    // These tests may be built from a commit of this hour: then that is what is young.
    assert_eq!(suspects, usize::from(is_commit_young()), "{status}");
    assert_eq!(status.contains("is suspect"), is_commit_young());
}

fn is_commit_young() -> bool {
    let committed = option_env!("AGENTLAB_COMMITTED_AT").and_then(|seconds| seconds.parse::<u64>().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // As long as the scale of this world's times makes of an hour.
    committed.is_some_and(|at| now.abs_diff(at) < 1080)
}

#[test]
fn a_clean_stop_a_restart_and_a_replaced_worker_are_no_crash() {
    let world = World::new();
    let up = world.up();
    let old = world.pid("worker", 1);
    // What a person or a service manager does.
    kill(Pid::from_raw(old), Signal::SIGTERM).unwrap();
    let again = another(&world, "worker", old);
    kill(Pid::from_raw(again), Signal::SIGUSR1).unwrap();
    another(&world, "worker", again);
    assert_eq!(up.stop().code, Some(0));
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    assert_eq!(up.stop().code, Some(0));
    // A private system comes and goes.
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    let _up = world.up();
    assert_eq!((lines(&world, "crash"), rows(&world)), (Vec::new(), 0));
    assert!(lines(&world, "start").len() > 10);
}

#[test]
fn kill_9_of_the_supervisor_is_a_crash_in_the_next_ones_history_and_so_is_who_died_meanwhile() {
    let world = World::new();
    let up = world.up();
    let (worker, console) = (world.pid("worker", 1), world.pid("console", 0));
    kill_9(up.pid());
    up.end(LONG);
    kill_9(worker);
    assert!(lines(&world, "crash").is_empty(), "nobody is there to note anything");
    let _up = world.up();
    wait_until("both have their rows", LONG, || rows(&world) == 2);
    let crashes = lines(&world, "crash");
    let who: Vec<_> = crashes.iter().filter_map(|line| line["process"].as_str()).collect();
    assert_eq!(who, ["supervisor", "worker-1"]);
    assert!(crashes.iter().all(|line| line["reason"].as_str().unwrap().contains("while no supervisor looked")));
    // One that this supervisor found, and did not start.
    assert_eq!(world.pid("console", 0), console);
    kill_9(console);
    another(&world, "console", console);
    wait_until("it has its row", LONG, || rows(&world) == 3);
    assert_eq!(lines(&world, "crash")[2]["reason"], "nobody knows how: an earlier supervisor had started it");
}

#[test]
fn a_crash_is_in_the_history_while_a_stranger_holds_the_database_and_in_its_row_afterwards() {
    let mut world = World::new();
    world.configure("[workers]\ncount = 1\n");
    let up = world.up();
    let stranger = Foreign::lock(&world);
    kill_9(world_pid_without_rows(&world, "console"));
    wait_until("it has its line", LONG, || lines(&world, "crash").len() == 1);
    wait_until("it is started again all the same", LONG, || lines(&world, "start").len() == 4);
    drop(stranger);
    wait_until("it has its row", LONG, || rows(&world) == 1);
    assert_eq!(up.stop().code, Some(0));
}

/// The process of a post, from its pulse.
fn world_pid_without_rows(world: &World, name: &str) -> i32 {
    let text = fs::read_to_string(world.home().join(format!("run/{name}.pulse"))).unwrap();
    let beat: Value = serde_json::from_str(&text).unwrap();
    i32::try_from(beat["identity"]["pid"].as_i64().unwrap()).unwrap()
}
