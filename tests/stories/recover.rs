//! Healing a role by force, with a system and without one: who hangs is ended, who works is left in peace, and it says so.

use nix::sys::signal::Signal;

use super::restart::names;
use crate::world::{LONG, Look, World, kill_9, wait_until};

/// A world with a task that runs on whatever happens to the daemons, and the look into it.
fn with_a_task(world: &World) -> Look {
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 4]] [[say: went on]]"]).code, Some(0));
    let look = Look::into(world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    look
}

/// The task was done, in one run.
fn it_went_on(look: &Look) {
    wait_until("it is done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1);
}

fn stop_still(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
}

#[test]
fn a_recovery_ends_by_force_who_does_not_end_and_says_what_it_did() {
    let mut world = World::new();
    // So that it is not ended anyway before somebody asks for it.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "1".into()));
    let _up = world.up();
    let look = with_a_task(&world);
    let (before, holder) = (names(&look), look.held().remove(0));
    // An idle one: whoever runs a task may be stopped inside a write transaction, and then everybody waits for its end.
    let idle = [1, 2, 3].map(|slot| world.pid("worker", slot)).into_iter().find(|pid| *pid != holder.pid).unwrap();
    stop_still(idle);
    let ended = world.run(&["recover", "worker"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let hung = format!("(pid {idle}) was killed: it stood still (SIGSTOP)");
    assert!(ended.stdout.contains(&hung) && ended.stdout.contains("back after "), "{ended:?}");
    assert_eq!(
        ended.stdout.matches(") ended").count(),
        2,
        "{}\n{}",
        ended.stdout,
        super::restart::log_of(&world, "supervisor")
    );
    assert_eq!(ended.stdout.matches("removed the socket").count(), 3, "the rungs were taken: {ended:?}");
    for (now, before) in names(&look).iter().zip(&before) {
        assert_eq!(now.1 != before.1, now.0.starts_with("worker"), "{now:?} after {before:?}");
    }
    it_went_on(&look);
    assert_eq!(look.count("SELECT COUNT(*) FROM audit WHERE action = 'recover' AND subject = 'worker'"), 1);
}

#[test]
fn without_a_system_a_recovery_ends_who_hangs_and_leaves_the_others_in_peace() {
    let world = World::new();
    let up = world.up();
    let look = with_a_task(&world);
    kill_9(up.pid());
    drop(up);
    let pids = [1, 2, 3].map(|slot| world.pid("worker", slot));
    stop_still(pids[1]);
    let ended = world.run(&["recover", "worker"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines.len() == 4 && lines[3].contains("worker-2.sock"), "{ended:?}");
    assert!(lines[1].contains(&format!("(pid {}) was killed: it stood still", pids[1])), "{ended:?}");
    for (line, pid) in [(lines[0], pids[0]), (lines[2], pids[2])] {
        assert!(line.contains("left alone"), "{line}");
        assert!(agentlab_platform::identity::Identity::of(pid).unwrap().is_some(), "{line}");
    }
    assert!(ended.stderr.contains("agentlab up"), "{ended:?}");
    let nobody = world.run(&["--json", "recover", "bot"]);
    let nobody: serde_json::Value = serde_json::from_str(&nobody.stdout).unwrap();
    assert_eq!((nobody["running"].as_bool(), nobody["words"].as_array().map(Vec::len)), (Some(false), Some(0)));
    // What the one that was ended had in hand is taken up by the system as ever.
    let _up = world.up();
    it_went_on(&look);
}

#[test]
fn a_supervisor_that_stands_still_is_ended_by_a_recovery_and_its_daemons_go_on() {
    let world = World::new();
    let up = world.up();
    let look = with_a_task(&world);
    let before = names(&look);
    up.signal(Signal::SIGSTOP);
    let ended = world.run(&["recover", "supervisor"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("was killed: it stood still"), "{ended:?}");
    drop(up);
    let _up = world.up();
    for (now, before) in names(&look).iter().zip(&before) {
        assert_eq!(now.1 != before.1, now.0.starts_with("supervisor"), "{now:?} after {before:?}");
    }
    it_went_on(&look);
    // One that works is not killed but replaced in its own way.
    let ended = world.run(&["recover", "supervisor"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("back after"), "{ended:?}");
}
