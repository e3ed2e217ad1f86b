//! A home that is copied while a task runs in it: the copy knows the run, and has no right to its processes.

use std::process::Command;

use agentlab_platform::identity::{Identity, Living};

use crate::world::{LONG, World, wait_until};

#[test]
fn a_copied_home_ends_nobody_and_the_original_goes_on() {
    let mut world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 600]]"]).code, Some(0));
    wait_until("the agent runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let child = world.home().join("runs").join(&run).join("child.json");
    wait_until("the agent is recorded", LONG, || child.exists());
    let agent: Identity = serde_json::from_slice(&std::fs::read(child).unwrap()).unwrap();
    assert_eq!(up.stop().code, Some(0), "running tasks go on");
    let copy = world.path("c");
    assert!(Command::new("cp").arg("-a").args([world.home(), copy.clone()]).status().unwrap().success());

    world.env.push(("AGENTLAB_HOME".into(), copy.display().to_string()));
    let elsewhere = world.up();
    wait_until("the copy says that it cannot tell", LONG, || {
        world.count("SELECT COUNT(*) FROM job WHERE state = 'parked' AND parked_for = 'cannot_tell'") == 1
    });
    assert_eq!(agent.living(), Living::Yes);
    assert_eq!(elsewhere.stop().code, Some(0));
    assert_eq!(agent.living(), Living::Yes);

    world.env.pop();
    let up = world.up();
    assert_eq!(world.run(&["cancel", "1"]).code, Some(0));
    wait_until("the task is over", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'cancelled'") == 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "it was never interrupted");
    assert_eq!(agent.living(), Living::No);
    assert_eq!(up.stop().code, Some(0));
}
