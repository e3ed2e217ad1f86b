//! Who watches the watcher: bot and console tell the owner by themselves that the supervisor is dead or hangs, once, and have
//! it started anew where somebody would do that. And detectors are themselves looked at.

use agentlab_platform::{
    detectors::{self, Detector},
    home::Home,
    identity::{Identity, Living},
};
use agentlab_stand_ins::BotApi;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::world::{ANN, LONG, World, kill_9, wait_until, write_script};

use super::locked::Foreign;

/// At a tenth of the time the owner knows within 30 s x 0.1, but not below what a busy machine needs (5 s of patience).
fn quick(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    world
}

fn told(api: &BotApi) -> Vec<String> {
    let texts = api.messages(ANN).into_iter().map(|message| message.text);
    texts.filter(|text| text.contains("agentlab's supervisor")).collect()
}

fn watch(world: &World, process: &str) -> Option<Detector> {
    detectors::all(&Home::at(world.home()).unwrap()).get(process)?.get("watch").copied()
}

/// Waits until each of these has looked so often that it would have told what it has seen.
fn wait_for_sweeps(world: &World, processes: &[&str]) {
    for process in processes {
        let sweeps = || watch(world, process).map_or(0, |detector| detector.sweeps);
        let before = sweeps();
        wait_until("it goes on looking", LONG, || sweeps() > before + 15);
    }
}

#[test]
fn a_supervisor_that_is_dead_is_told_once_and_no_private_system_or_ordinary_end_is() {
    let api = BotApi::start();
    let world = quick(&api);
    let up = world.up();
    wait_for_sweeps(&world, &["bot", "console"]);
    assert_eq!(told(&api), Vec::<String>::new());
    kill_9(up.pid());
    drop(up);
    let words = api.wait_for_text(ANN, "agentlab's supervisor is dead", LONG).text;
    assert!(words.contains("Nothing restarts a dead `agentlab up`: start it again"), "{words}");
    // Bot and console have both seen it; a private system comes and goes beside them.
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    wait_for_sweeps(&world, &["bot", "console"]);
    assert_eq!(told(&api).len(), 1, "{}", api.transcript(ANN));
    let up = world.up();
    wait_for_sweeps(&world, &["bot", "console"]);
    let ended = up.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    wait_until("all have ended", LONG, || world.living().is_empty());
    assert_eq!(told(&api).len(), 1, "{}", api.transcript(ANN));
}

#[test]
fn a_supervisor_that_stands_still_and_is_kept_by_nobody_is_told_and_left_to_its_owner() {
    let api = BotApi::start();
    let world = quick(&api);
    let up = world.up();
    let supervisor = Identity::of(up.pid()).unwrap().unwrap();
    up.signal(Signal::SIGSTOP);
    let words = api.wait_for_text(ANN, "stands still", LONG).text;
    assert!(words.contains(&format!("`kill -CONT {}`", up.pid())), "{words}");
    wait_for_sweeps(&world, &["bot", "console"]);
    assert_eq!(supervisor.living(), Living::Yes, "nobody would start it again");
    assert_eq!(told(&api).len(), 1, "{}", api.transcript(ANN));
    let status = world.run(&["status"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    up.signal(Signal::SIGCONT);
    wait_for_sweeps(&world, &["bot", "console"]);
    assert_eq!(up.stop().code, Some(0));
    assert_eq!(told(&api).len(), 1, "{}", api.transcript(ANN));
}

#[test]
fn a_supervisor_that_stands_still_and_is_kept_by_a_service_manager_is_ended_for_it() {
    let api = BotApi::start();
    let mut world = quick(&api);
    // As systemd starts a service.
    let script = world.path("bin/service.sh");
    let program = env!("CARGO_BIN_EXE_agentlab");
    write_script(&script, &format!("#!/bin/sh\nINVOCATION_ID=abc SYSTEMD_EXEC_PID=$$ exec {program} \"$@\"\n"));
    world.program = script;
    let up = world.up();
    let bot = Identity::of(world.pid("bot", 0)).unwrap().unwrap();
    up.signal(Signal::SIGSTOP);
    let ended = up.end(LONG);
    assert_eq!(ended.code, None, "ended by a signal: {ended:?}");
    let words = api.wait_for_text(ANN, "stood still", LONG).text;
    assert!(words.contains("so that systemd starts it anew"), "{words}");
    // As systemd does then.
    let up = world.up();
    assert_eq!(bot.living(), Living::Yes, "what lives is taken over");
    wait_for_sweeps(&world, &["bot", "console"]);
    assert_eq!(told(&api).len(), 1, "{}", api.transcript(ANN));
    // The bot is a part of the service, and not what the service manager starts again: nobody ends it for that.
    let home = Home::at(world.home()).unwrap();
    let post = |role| agentlab_domain::role::Post { role, slot: 0 };
    let kept_by = |role| agentlab_platform::pulse::read(&home, post(role)).unwrap().kept_by;
    assert_eq!(kept_by(agentlab_domain::role::Role::Supervisor).as_deref(), Some("systemd"));
    assert_eq!(kept_by(agentlab_domain::role::Role::Bot), None);
    up.stop();
}

#[test]
fn the_console_tells_it_when_the_bot_is_dead_and_the_database_locked() {
    let api = BotApi::start();
    let world = quick(&api);
    let up = world.up();
    let bot = world.pid("bot", 0);
    let _foreign = Foreign::lock(&world);
    up.signal(Signal::SIGSTOP);
    kill_9(bot);
    let words = api.wait_for_text(ANN, "stands still", LONG).text;
    assert!(words.contains("process"), "{words}");
    kill_9(up.pid());
    api.wait_for_text(ANN, "agentlab's supervisor is dead", LONG);
    wait_for_sweeps(&world, &["console"]);
    assert_eq!(told(&api).len(), 2, "{}", api.transcript(ANN));
}

#[test]
fn what_telegram_does_not_take_is_told_once_it_does() {
    let api = BotApi::start();
    let world = quick(&api);
    let up = world.up();
    let down = agentlab_stand_ins::bot_api::Fault::Server(502);
    api.fail_next("sendMessage", down, 3);
    kill_9(up.pid());
    api.wait_for_text(ANN, "agentlab's supervisor is dead", LONG);
    let tries = api.requests().into_iter().filter(|request| request.method == "sendMessage").count();
    assert_eq!(tries, 4, "three in vain");
    assert_eq!(told(&api).len(), 1);
}

#[test]
fn a_supervisor_that_waits_for_running_tasks_to_end_does_not_hang() {
    let api = BotApi::start();
    let world = quick(&api);
    let mut up = world.start(&["up", "--drain"]);
    up.wait_for_line("ready:", LONG);
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[sleep: 12]] [[say: finished.]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    up.signal(Signal::SIGINT);
    up.wait_for_line("running tasks end first", LONG);
    assert_eq!(up.end(LONG).code, Some(0));
    assert_eq!(told(&api), Vec::<String>::new());
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 1);
}

/// A planted fault: the first loop that comes by turns no more, and its process goes on.
#[test]
fn a_detector_that_does_not_sweep_is_silent_in_status_and_health() {
    let api = BotApi::start();
    let mut world = quick(&api);
    let marker = world.path("frozen");
    world.env.push(("AGENTLAB_TEST_FREEZE_AT".into(), format!("watch-sweep:{}", marker.display())));
    let up = world.up();
    wait_until("one is frozen", LONG, || marker.exists());
    // Nobody ends the frozen one while we look.
    up.signal(Signal::SIGSTOP);
    let frozen: i32 = std::fs::read_to_string(&marker).unwrap().parse().unwrap();
    let process = if frozen == world.pid("bot", 0) { "bot" } else { "console" };
    let other = if process == "bot" { "console" } else { "bot" };
    assert_eq!(frozen, world.pid(process, 0));
    wait_until("it is silent", LONG, || watch(&world, process).is_some_and(|detector| detector.silent));
    let status = world.run(&["--json", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["detectors"][process]["watch"]["silent"], true, "{status}");
    assert_eq!(status["detectors"][other]["watch"]["silent"], false, "{status}");
    let words = world.run(&["status"]).stdout;
    assert!(words.contains(&format!("the detector `watch` of {process} is silent")), "{words}");

    let (_, health) = super::up::get(&world, "/health", &format!("127.0.0.1:{}", world.port));
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!(health["detectors"][process]["watch"]["silent"], true, "{health}");
    assert_eq!(health["status"], "degraded", "{health}");
    // The one that is not frozen has told what happened meanwhile.
    api.wait_for_text(ANN, "stands still", LONG);
    std::fs::remove_file(marker).unwrap();
    wait_until("it sweeps again", LONG, || watch(&world, process).is_some_and(|detector| !detector.silent));
    kill(Pid::from_raw(up.pid()), Signal::SIGCONT).unwrap();
}

#[test]
fn status_says_nothing_of_detectors_that_sweep() {
    let world = World::new();
    let _up = world.up();
    wait_until("the console looks", LONG, || watch(&world, "console").is_some_and(|detector| detector.sweeps > 2));
    let words = world.run(&["status"]).stdout;
    assert!(!words.contains("detector"), "{words}");
}
