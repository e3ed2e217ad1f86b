//! Over means over: a run without an end is closed only when nothing of it can live; what takes its keeper down is not run for
//! ever; what is cancelled never runs again.

use agentlab_platform::{
    identity::marked,
    lock::{Lock, Mode},
    spawn::{Wish, signal},
};
use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

/// The newest run of this task.
fn run_of(world: &World, task: i64) -> String {
    let rows = world.sql(&format!("SELECT run FROM v_runs WHERE task = {task} ORDER BY attempt DESC"));
    rows[0]["run"].as_str().unwrap().to_owned()
}

/// Kills shim and agent of a run together.
fn kill_run(run: &str) {
    wait_until("nothing of the run is left", LONG, || {
        let processes = marked(&format!("AGENTLAB_RUN={run}")).unwrap();
        // The shim first: what it would still write is not meant.
        for process in &processes {
            signal(process, Wish::Kill);
        }
        processes.is_empty()
    });
}

#[test]
fn r3_while_nobody_can_tell_whether_a_run_is_over_it_is_neither_ended_nor_repeated_and_somebody_is_told() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let owner = 7009;
    world.env.push(("AGENTLAB_TELEGRAM__OWNER".into(), owner.to_string()));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let up = world.up();
    let marker = world.path("first");
    api.user_says(
        ANN,
        ANN,
        &format!("[[first: {}]] [[tool: Bash slow]] [[hang]] [[first: end]] [[say: again.]]", marker.display()),
    );
    api.wait_for_text(ANN, "Bash: slow", LONG);
    let run = run_of(&world, 1);
    up.stop();
    // Somebody holds the agent's lock whom nobody sees: this test.
    let path = world.home().join("runs").join(&run).join("child.lock");
    kill_run(&run);
    let mut held = None;
    wait_until("the lock is free", LONG, || {
        held = Lock::try_take(&path, Mode::Exclusive).unwrap();
        held.is_some()
    });
    let _up = world.up();
    api.wait_for_text(ANN, "I cannot tell whether its earlier run is over", LONG);
    api.wait_for_text(owner, "I cannot tell whether its earlier run is over", LONG);
    let queue = &world.sql("SELECT state, parked_for FROM v_queue")[0];
    assert_eq!(
        (queue["state"].as_str(), queue["parked_for"].as_str()),
        (Some("parked"), Some("cannot_tell")),
        "{queue}"
    );
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
    drop(held);
    api.wait_for_text(ANN, "again.", LONG);
    assert_eq!(api.messages(owner).len(), 1, "told once: {}", api.transcript(owner));
}

#[test]
fn two_runs_that_took_shim_and_agent_down_are_poison_and_a_person_may_do_it_again() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash eats]] [[hang]]");
    for attempt in 1..=2 {
        wait_until("the run hangs", LONG, || {
            world.count(&format!("SELECT COUNT(*) FROM v_runs WHERE attempt = {attempt} AND activity = 'Bash: eats'"))
                == 1
        });
        kill_run(&run_of(&world, 1));
    }
    api.wait_for_text(ANN, "Task 1: set aside, since it took its keeper down with it twice", LONG);
    assert_eq!(world.sql("SELECT state FROM job")[0]["state"], "poison");
    let outcomes = world.sql("SELECT DISTINCT outcome FROM run");
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    api.user_says(ANN, ANN, "/retry 1");
    wait_until("it runs", LONG, || {
        world.count("SELECT COUNT(*) FROM v_queue WHERE task = 2 AND state = 'running'") == 1
    });
    api.user_says(ANN, ANN, "/cancel 2");
    api.wait_for_text(ANN, "Task 2: cancelled", LONG);
}

#[test]
fn a_keeper_that_is_killed_alone_makes_no_job_poison_and_leaves_nothing_behind() {
    let world = World::new();
    let _up = world.up();
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 1.5]] [[say: at last]]"]);
    for attempt in 1..=2 {
        wait_until("the run works", LONG, || {
            world.count(&format!("SELECT COUNT(*) FROM v_runs WHERE attempt = {attempt} AND activity = 'Bash: slow'"))
                == 1
        });
        let run = run_of(&world, 1);
        let shim =
            marked(&format!("AGENTLAB_RUN={run}")).unwrap().into_iter().min_by_key(|process| process.start).unwrap();
        signal(&shim, Wish::Kill);
        wait_until("the run is over", LONG, || {
            world.count(&format!("SELECT COUNT(*) FROM v_runs WHERE attempt = {attempt} AND outcome IS NOT NULL")) == 1
        });
        assert_eq!(marked(&format!("AGENTLAB_RUN={run}")).unwrap(), []);
    }
    ask.wait_for_line("at last", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE outcome = 'unkept'"), 2);
}

#[test]
fn r8_whatever_a_task_waits_for_it_can_be_cancelled_and_never_runs_again() {
    let mut world = World::new();
    world.rehearse();
    let log = world.path("log");
    let up = world.up();
    let append = format!("[[append: {} ran]]", log.display());
    // Retrying and parked; queued stands behind in a lane of its own kind (chat.rs).
    world.run(&["ask", "--no-wait", &format!("{append} [[exit: 3]]")]);
    wait_until("it is tried again", LONG, || {
        world.count("SELECT COUNT(*) FROM v_runs WHERE task = 1 AND outcome IS NOT NULL") >= 1
    });
    assert_eq!(world.run(&["cancel", "1"]).code, Some(0));
    world.run(&["ask", "--no-wait", &format!("{append} [[login]]")]);
    wait_until("it is parked", LONG, || world.count("SELECT COUNT(*) FROM v_queue WHERE state = 'parked'") == 1);
    assert_eq!(world.run(&["cancel", "2"]).code, Some(0));
    // Running, with every daemon gone: the stop request alone ends it (rule R8), the next system says so.
    up.stop();
    let up = world.up();
    world.run(&["ask", "--no-wait", &format!("{append} [[fork: 600]] [[tool: Bash slow]] [[hang]]")]);
    wait_until("it runs", LONG, || {
        world.count("SELECT COUNT(*) FROM v_runs WHERE task = 3 AND activity = 'Bash: slow'") == 1
    });
    let run = run_of(&world, 3);
    up.stop();
    let ended = world.run(&["cancel", "3"]);
    assert_eq!(ended.stdout, "task 3: cancelled", "{ended:?}");
    assert_eq!(marked(&format!("AGENTLAB_RUN={run}")).unwrap(), []);
    let ran = std::fs::read_to_string(&log).unwrap().lines().count();
    let _up = world.up();
    assert_eq!(world.run(&["ask", "[[say: after all of it]]"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), ran, "none ran again");
    let states = world.sql("SELECT state, reason FROM job WHERE number <= 3");
    assert!(states.iter().all(|row| row["state"] == "cancelled"), "{states:?}");
    assert!(states.iter().all(|row| row["reason"].as_str().unwrap().contains("by the terminal")), "{states:?}");
}

#[test]
fn an_end_that_cannot_be_read_is_neither_trusted_nor_tried_again_at_once() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[sleep: 1]] [[say: answered.]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    up.stop();
    let exit = world.home().join("runs").join(run_of(&world, 1)).join("exit.json");
    wait_until("it ended by itself", LONG, || exit.exists());
    let written = std::fs::read(&exit).unwrap();
    std::fs::write(&exit, b"{\"end\": \"levitated\"}").unwrap();
    let _up = world.up();
    api.wait_for_text(ANN, "I cannot tell whether its earlier run is over", LONG);
    std::fs::write(&exit, written).unwrap();
    api.wait_for_text(ANN, "answered.", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}
