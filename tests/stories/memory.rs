//! Memory: an agent is what the system should kill first when there is too little of it.

#![cfg(target_os = "linux")]

use agentlab_platform::identity::marked;

use crate::world::{LONG, World, kill_9, wait_until};

/// How gladly the system would kill this process.
fn score(pid: u32) -> i32 {
    std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
}

#[test]
fn a_check_is_killed_before_the_shim_too() {
    let mut world = World::new();
    let path = world.project("shop");
    let check = "cat /proc/self/oom_score_adj >score";
    world.configure(&format!("[projects.shop]\npath = '{}'\nchecks = ['{check}']\n", path.display()));
    let ended = world.run(&["ask", "--project", "shop", "[[say: did it]]"]);
    assert!(ended.stdout.contains("Checks passed"), "{ended:?}");
    let score_of_check: i32 = std::fs::read_to_string(path.join("score")).unwrap().trim().parse().unwrap();
    assert_eq!(score_of_check, score(std::process::id()).max(300));
}

#[test]
fn the_system_would_kill_an_agent_before_its_shim() {
    let world = World::new();
    let mut ask = world.start(&["ask", "[[tool: Bash waits]] [[hang]]"]);
    ask.wait_for_line("Bash: waits", LONG);
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let own = score(std::process::id());
    let mut scores = Vec::new();
    wait_until("shim and agent are there", LONG, || {
        scores =
            marked(&format!("AGENTLAB_RUN={run}")).unwrap().iter().map(|it| score(it.pid.cast_unsigned())).collect();
        scores.len() == 2
    });
    scores.sort_unstable();
    assert_eq!(scores, [own, own.max(300)], "the shim as we are, the agent raised");
    ask.signal(nix::sys::signal::Signal::SIGINT);
    ask.end(LONG);
}

#[test]
fn a_kill_alone_is_no_evidence_for_a_lack_of_memory() {
    let mut world = World::new();
    world.configure("[retry]\nmax_attempts = 1\n");
    let mut ask = world.start(&["ask", "[[tool: Bash waits]] [[hang]]"]);
    ask.wait_for_line("Bash: waits", LONG);
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let agent = std::fs::read(world.home().join("runs").join(run).join("child.json")).unwrap();
    let agent: serde_json::Value = serde_json::from_slice(&agent).unwrap();
    kill_9(i32::try_from(agent["pid"].as_i64().unwrap()).unwrap());
    let ended = ask.end(LONG);
    assert!(ended.stdout.contains("ended by signal 9"), "{ended:?}");
    assert_eq!(world.sql("SELECT outcome FROM run")[0]["outcome"], "crashed");
}
