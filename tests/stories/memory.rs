//! Memory: an agent is what the system should kill first when there is too little of it.

#![cfg(target_os = "linux")]

use agentlab_platform::identity::marked;

use crate::world::{LONG, World, wait_until};

#[test]
fn the_system_would_kill_an_agent_before_its_shim() {
    let world = World::new();
    let mut ask = world.start(&["ask", "[[tool: Bash waits]] [[hang]]"]);
    ask.wait_for_line("Bash: waits", LONG);
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let score = |pid: u32| -> i32 {
        std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
    };
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
