//! A PID that somebody else has by now: in a PID namespace of its own, where the next PID can be chosen, strangers get the
//! PIDs of a dead worker and of a dead agent. Nobody signals them, and the dead are replaced.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    home::Home,
    identity::{Identity, Living},
    pulse,
    run_dir::RunDir,
};

use crate::world::{LONG, Look, World, kill_9, wait_until, write_script};

/// Set for the copy of this test that runs inside the namespace.
const INSIDE: &str = "AGENTLAB_TEST_INSIDE";
/// The next process gets the PID after this one.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
const STORY: &str = "stories::reused_pid::nobody_signals_a_stranger_who_has_the_pid_of_somebody_dead";

#[test]
fn nobody_signals_a_stranger_who_has_the_pid_of_somebody_dead() {
    if std::env::var_os(INSIDE).is_some() {
        inside();
        return;
    }
    let namespace = |command: &str| {
        let mut unshare = Command::new("unshare");
        // The shell is the first process there, and collects what others leave behind.
        unshare.args(["-fp", "--mount-proc", "sh", "-c", command, "sh"]);
        unshare
    };
    let choose = format!("n=$(cat {LAST_PID}) && echo $n >{LAST_PID}");
    if !namespace(&choose).output().is_ok_and(|tried| tried.status.success()) {
        let words = "a PID namespace in which PIDs can be chosen is not permitted here";
        assert!(std::env::var_os("AGENTLAB_REQUIRE_REAL").is_none(), "{words}");
        eprintln!("skipped: {words}");
        return;
    }
    let mut story = namespace("\"$@\"; exit $?");
    story.arg(std::env::current_exe().unwrap()).args(["--exact", "--nocapture", STORY]).env(INSIDE, "1");
    let told = story.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && said.contains("1 passed"), "{said}");
}

/// Somebody who has nothing to do with us, and notes every signal that it can.
struct Stranger {
    child: Child,
    identity: Identity,
    notes: PathBuf,
}

impl Stranger {
    /// Gets the PID of somebody dead.
    fn with_pid(world: &World, dead: &Identity) -> Self {
        let (script, notes) = (world.path("stranger.sh"), world.path(&format!("signals-{}", dead.pid)));
        let traps: Vec<String> = ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT"]
            .iter()
            .map(|signal| format!("trap 'echo {signal} >>{}' {signal}\n", notes.display()))
            .collect();
        // It waits without a child, which would take a PID too.
        let pipe = world.path(&format!("pipe-{}", dead.pid));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let wait = format!("exec 3<>{}\nwhile :; do read -r _ <&3; done\n", pipe.display());
        write_script(&script, &format!("#!/bin/sh\n{}{wait}", traps.concat()));
        for _ in 0..200 {
            std::fs::write(LAST_PID, (dead.pid - 1).to_string()).unwrap();
            let mut child = start(&script);
            if child.id().cast_signed() == dead.pid {
                let identity = Identity::of(dead.pid).unwrap().unwrap();
                assert_ne!(identity, *dead);
                return Self { child, identity, notes };
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        panic!("nobody got the PID {}", dead.pid);
    }

    fn was_left_alone(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none() && self.identity.living() == Living::Yes, "it was killed");
        let notes = std::fs::read_to_string(&self.notes).unwrap_or_default();
        assert_eq!(notes, "", "it was signalled");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn start(script: &Path) -> Child {
    Command::new("/bin/sh").arg(script).env_clear().spawn().unwrap()
}

fn dies(process: &Identity) {
    kill_9(process.pid);
    wait_until("it is gone", LONG, || Identity::of(process.pid).unwrap().is_none());
}

fn inside() {
    let world = World::new();
    let home = Home::at(world.home()).unwrap();
    let post = Post { role: Role::Worker, slot: 1 };
    let up = world.up();
    let task = format!("[[first: {}]] [[hang]] [[first: end]] [[say: after all.]]", world.path("first").display());
    assert_eq!(world.run(&["ask", "--no-wait", &task]).code, Some(0));
    let look = Look::into(&world);
    wait_until("the agent works", LONG, || world.path("first").exists());
    let (id,) = look.rows::<(String,)>("SELECT id FROM run").remove(0);
    let run = RunDir::of(&home, &id);
    let (shim, agent) = (run.shim().unwrap().unwrap(), run.child().unwrap().unwrap());
    let workers = [1, 2, 3].map(|slot| pulse::read(&home, Post { slot, ..post }).unwrap().identity);
    // Everybody dies: first who would start them again, then who would settle the run.
    kill_9(up.pid());
    up.end(LONG);
    workers.iter().for_each(dies);
    dies(&shim);
    dies(&agent);
    let mut strangers = [&workers[0], &agent, &shim].map(|dead| Stranger::with_pid(&world, dead));
    let _up = world.up();
    wait_until("the post is filled", LONG, || {
        pulse::read(&home, post).is_some_and(|beat| beat.ready && beat.identity.living() == Living::Yes)
    });
    assert_ne!(pulse::read(&home, post).unwrap().identity.pid, workers[0].pid);
    wait_until("the task is done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    let outcomes: Vec<(String,)> = look.rows("SELECT outcome FROM run ORDER BY attempt");
    assert_eq!(outcomes, [("lost".to_owned(),), ("succeeded".to_owned(),)]);
    strangers.iter_mut().for_each(Stranger::was_left_alone);
}
