//! What is wrong is seen where one looks for it: in `status`, `doctor` and `/health`, and by the owner.

use agentlab_stand_ins::BotApi;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::locked::Foreign;
use crate::world::{ANN, LONG, World, kill_9, wait_until};

fn health(world: &World) -> serde_json::Value {
    let url = format!("http://127.0.0.1:{}/health", world.port);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { reqwest::get(url).await.unwrap().json().await.unwrap() })
}

#[test]
fn a_database_that_a_stranger_keeps_locked_is_seen_everywhere_and_its_end_too() {
    let world = World::new();
    let mut up = world.up();
    let foreign = Foreign::lock(&world);
    up.wait_for_line("the database is locked by", LONG);
    // With the next beat.
    wait_until("status says so", LONG, || world.run(&["status"]).stdout.contains("the database is locked by"));
    let doctor = world.run(&["doctor"]);
    assert!(
        doctor.code == Some(1) && doctor.stdout.contains("BAD  system: supervisor: the database is locked"),
        "{doctor:?}"
    );
    wait_until("/health says so", LONG, || {
        let health = health(&world);
        health["status"] != "ok" && health["components"]["supervisor"]["note"].to_string().contains("locked by")
    });
    drop(foreign);
    up.wait_for_line("no longer locked", LONG);
    wait_until("/health is well again", LONG, || health(&world)["status"] == "ok");
}

#[test]
fn who_refuses_to_start_while_all_runs_is_told_and_a_restart_tries_it_at_once() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let mut up = world.up();
    let config = world.home().join("config.toml");
    let right = std::fs::read_to_string(&config).unwrap();
    let worker = world.pid("worker", 1);
    std::fs::write(&config, format!("{right}\n[nonsense]\n")).unwrap();
    kill_9(worker);
    up.wait_for_line("worker-1: refuses to start", LONG);
    api.wait_for_text(ANN, "worker-1 refuses to start", LONG);
    std::fs::write(&config, right).unwrap();
    let doctor = world.run(&["doctor"]);
    assert!(doctor.stdout.contains("BAD  system: worker-1 is not there"), "{doctor:?}");
    let began = std::time::Instant::now();
    assert_eq!(world.run(&["restart", "worker"]).code, Some(0));
    // The next try by itself is 18 s away here.
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}

#[test]
fn a_supervisor_that_stands_still_or_is_dead_is_seen() {
    let world = World::new();
    let up = world.up();
    kill(Pid::from_raw(up.pid()), Signal::SIGSTOP).unwrap();
    let doctor = world.run(&["doctor"]);
    assert!(
        doctor.code == Some(1) && doctor.stdout.contains("supervisor stands still (SIGSTOP): `kill -CONT"),
        "{doctor:?}"
    );
    kill_9(up.pid());
    drop(up);
    let status = world.run(&["status"]);
    assert!(status.stdout.contains("the supervisor is dead, and 4 of its processes live on"), "{status:?}");
    let doctor = world.run(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("these live on without it: worker-1"), "{doctor:?}");
    assert_eq!(health(&world)["status"], "degraded");
}
