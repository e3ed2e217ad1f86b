//! Hung processes: whoever stands still is ended, and what it held comes free by its proved death; what runs goes on. And the
//! opposite: a worker that is asked to finish first.

use agentlab_platform::{
    home::Home,
    identity::{Identity, Living},
    run_dir::RunDir,
};
use agentlab_stand_ins::BotApi;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::world::{ANN, LONG, Look, World, wait_until};

#[test]
fn r5_a_worker_that_stands_still_is_ended_before_its_lease_goes_and_its_run_lives_on() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let log = world.path("log");
    let _up = world.up();
    api.user_says(
        ANN,
        ANN,
        &format!("[[append: {} ran]] [[tool: Bash slow]] [[sleep: 4]] [[say: survived.]]", log.display()),
    );
    let message = api.wait_for_text(ANN, "Bash: slow", LONG);
    let slot = world.count("SELECT slot FROM v_workers WHERE task = 1");
    let hung = world.pid("worker", slot);
    kill(Pid::from_raw(hung), Signal::SIGSTOP).unwrap();
    let answer = api.wait_for_text(ANN, "survived.", LONG);
    assert_eq!(answer.message_id, message.message_id, "in the same message");
    assert_ne!(world.pid("worker", slot), hung, "it was ended and another took its place");
    assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 1, "the agent worked once");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn l2_a_process_that_stands_still_inside_a_write_transaction_is_ended_and_everybody_goes_on() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let marker = world.path("stopped");
    world.env.push(("AGENTLAB_TEST_STOP_AT".into(), format!("intake-effect:{}", marker.display())));
    let _up = world.up();
    let first = world.pid("bot", 0);
    api.user_says(ANN, ANN, "[[say: answered.]]");
    api.wait_for_text(ANN, "answered.", LONG);
    assert!(marker.exists(), "it stood still");
    assert_ne!(world.pid("bot", 0), first);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "once");
}

/// Stops the shim of the only run; returns who it is.
fn stop_shim(world: &World) -> Identity {
    let mut shim = None;
    wait_until("the shim has said who it is", LONG, || {
        let run = Look::into(world).rows::<(String,)>("SELECT id FROM run").pop();
        shim = run.and_then(|(id,)| RunDir::of(&Home::at(world.home()).unwrap(), &id).shim().unwrap());
        shim.is_some()
    });
    let shim = shim.unwrap();
    kill(Pid::from_raw(shim.pid), Signal::SIGSTOP).unwrap();
    shim
}

#[test]
fn a_shim_that_stands_still_is_woken_never_killed_and_its_run_ends_in_the_ordinary_way() {
    let world = World::new();
    let _up = world.up();
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 1]] [[say: at last.]]"]);
    ask.wait_for_line("Bash: slow", LONG);
    stop_shim(&world);
    let ended = ask.end(LONG);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("at last."), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE outcome = 'succeeded'"), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn a_task_whose_shim_stands_still_can_be_cancelled() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[hang]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    let shim = stop_shim(&world);
    api.user_says(ANN, ANN, "/cancel");
    wait_until("it is cancelled", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'cancelled'") == 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE outcome = 'stopped'"), 1, "the shim wrote the end itself");
    wait_until("the shim has ended", LONG, || shim.living() == Living::No);
}

#[test]
fn a_moment_of_standing_still_ends_nobody() {
    let world = World::new();
    let _up = world.up();
    let pid = world.pid("worker", 1);
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    let mut looks = 0;
    wait_until("a few looks", LONG, || {
        looks += 1;
        looks > 5
    });
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    assert_eq!(world.pid("worker", 1), pid);
}

#[test]
fn with_drain_the_running_task_ends_first_and_nothing_new_begins() {
    let world = World::new();
    let mut up = world.start(&["up", "--drain"]);
    up.wait_for_line("ready:", LONG);
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 1.5]] [[say: finished]]"]);
    ask.wait_for_line("Bash: slow", LONG);
    up.signal(Signal::SIGINT);
    up.wait_for_line("running tasks end first", LONG);
    let ended = up.end(LONG);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        !ended.stderr.contains("go on;") && !ended.stderr.contains("goes on;"),
        "nothing was left running: {ended:?}"
    );
    assert_eq!(world.sql("SELECT state FROM job")[0]["state"], "done", "it was finished before `up` ended");
    assert!(ask.end(LONG).stdout.starts_with("finished"));
}

#[test]
fn a_second_ctrl_c_while_draining_lets_the_run_go_on_and_a_later_system_finishes_it() {
    let world = World::new();
    let mut up = world.start(&["up", "--drain"]);
    up.wait_for_line("ready:", LONG);
    let no_wait = world.run(&["ask", "--no-wait", "[[sleep: 3]] [[say: finished]]"]);
    assert_eq!(no_wait.code, Some(0), "{no_wait:?}");
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    up.signal(Signal::SIGINT);
    up.wait_for_line("running tasks end first", LONG);
    up.signal(Signal::SIGINT);
    let ended = up.end(LONG);
    assert!(ended.stderr.contains("1 running task goes on"), "{ended:?}");
    let _up = world.up();
    wait_until("it is finished", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}
