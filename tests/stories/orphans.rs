//! Orphans: runs that no worker can follow, and what outlives a run. The supervisor alone ends what a dead shim left, wakes
//! and stops shims, and ends leftovers that are proved ours; it touches nothing else.

use std::process::Command;

use agentlab_domain::outcome::End;
use agentlab_platform::{
    db::Db,
    home::Home,
    identity::{Identity, Living, marked},
    run_dir::RunDir,
};
use agentlab_stand_ins::BotApi;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::world::{ANN, LONG, Look, Running, World, kill_9, wait_until};

/// A system with a task that does what it is told (`Bash slow`, then something), and whose workers are all dead and cannot be started.
struct Orphaned {
    world: World,
    run: RunDir,
    id: String,
    _up: Running,
}

impl Orphaned {
    fn doing(prompt: &str) -> Self {
        let mut world = World::new();
        world.configure("[workers]\ncount = 1\n");
        let up = world.up();
        assert_eq!(world.run(&["ask", "--no-wait", prompt]).code, Some(0));
        let look = Look::into(&world);
        let busy = "SELECT COUNT(*) FROM run WHERE activity = 'Bash: slow'";
        wait_until("it works", LONG, || look.count(busy) == 1);
        let holder = look.held().remove(0);
        // Who starts from now on refuses.
        world.configure("[nonsense]\n");
        kill_9(holder.pid);
        wait_until("its lease is free", LONG, || look.held().is_empty());
        let run = RunDir::of(&Home::at(world.home()).unwrap(), &holder.run);
        Self { world, run, id: holder.run, _up: up }
    }

    fn shim(&self) -> Identity {
        self.run.shim().unwrap().unwrap()
    }

    /// What a cancellation writes into the rows.
    fn cancel(&self, by: &str) {
        let home = Home::at(self.world.home()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Db::open(&home).await.unwrap().cancel(1, by).await.unwrap() });
    }

    fn processes(&self) -> Vec<Identity> {
        marked(&mark(&self.id)).unwrap()
    }
}

fn mark(run: &str) -> String {
    format!("AGENTLAB_RUN={run}")
}

fn stop(process: &Identity) {
    kill(Pid::from_raw(process.pid), Signal::SIGSTOP).unwrap();
}

/// A process of a session of its own, whose parent is gone, with the mark of this run.
fn plant(world: &World, run: &str) -> Identity {
    let before = marked(&mark(run)).unwrap();
    let ended = Command::new("setsid")
        .args(["--fork", "sleep", "600"])
        .env("AGENTLAB_RUN", run)
        // So that it ends with its test, whatever comes of it.
        .env("TEST_WORLD", world.path("").as_os_str().to_string_lossy().trim_end_matches('/'))
        .status();
    assert!(ended.unwrap().success());
    let mut planted = None;
    wait_until("it is there", LONG, || {
        planted = marked(&mark(run)).unwrap().into_iter().find(|process| !before.contains(process));
        planted.is_some()
    });
    planted.unwrap()
}

#[test]
fn r3_what_a_dead_shim_left_is_ended_and_its_run_closed_though_no_worker_can_be_started() {
    let orphaned = Orphaned::doing("[[fork: 600]] [[tool: Bash slow]] [[hang]]");
    kill_9(orphaned.shim().pid);
    let killed = std::time::Instant::now();
    wait_until("its end is written", LONG, || orphaned.run.exit().unwrap().is_some());
    eprintln!("shim killed to run closed: {:.1?}", killed.elapsed());
    assert_eq!(orphaned.processes(), [], "first everything of it is ended");
    assert_eq!(orphaned.run.exit().unwrap().unwrap().end, End::Unkept { moved: false });
    let look = Look::into(&orphaned.world);
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE state = 'running'"), 1, "the row is a worker's to end");
}

#[test]
fn r8_a_cancelled_run_whose_shim_is_killed_is_ended_within_seconds_though_no_worker_lives() {
    let orphaned = Orphaned::doing("[[tool: Bash slow]] [[hang]]");
    // So that it cannot obey before it is killed.
    stop(&orphaned.shim());
    orphaned.cancel("Ann");
    orphaned.run.request_stop("Ann").unwrap();
    kill_9(orphaned.shim().pid);
    let killed = std::time::Instant::now();
    wait_until("its end is written", LONG, || orphaned.run.exit().unwrap().is_some());
    assert!(killed.elapsed().as_secs() < 10, "{:?}", killed.elapsed());
    assert_eq!(orphaned.run.exit().unwrap().unwrap().end, End::Stopped { by: "Ann".into() });
    assert_eq!(orphaned.processes(), []);
}

#[test]
fn a_stop_that_stands_only_in_the_rows_reaches_a_shim_that_no_worker_follows() {
    let orphaned = Orphaned::doing("[[tool: Bash slow]] [[hang]]");
    // Whoever cancelled died before he wrote it into the run's directory.
    orphaned.cancel("Ann");
    wait_until("its shim has ended it", LONG, || orphaned.run.exit().unwrap().is_some());
    let exit = orphaned.run.exit().unwrap().unwrap();
    assert_eq!(exit.end, End::Stopped { by: "Ann".into() });
    assert!(exit.signal.is_some() || exit.code.is_some(), "the shim saw how: {exit:?}");
}

#[test]
fn a_shim_that_stands_still_while_no_worker_follows_it_is_woken() {
    let orphaned = Orphaned::doing("[[tool: Bash slow]] [[sleep: 1]] [[say: at last]]");
    let shim = orphaned.shim();
    stop(&shim);
    wait_until("its agent's end is written", LONG, || orphaned.run.exit().unwrap().is_some());
    assert_eq!(orphaned.run.exit().unwrap().unwrap().end, End::Exited, "by its own shim, which lives on till then");
    wait_until("the shim is gone", LONG, || shim.living() == Living::No);
}

#[test]
fn a_shim_that_stands_still_after_its_run_was_finished_is_woken() {
    let mut world = World::new();
    let marker = world.path("paused");
    world.env.push(("AGENTLAB_TEST_PAUSE_AT".into(), format!("exit-renamed:{}", marker.display())));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let _up = world.up();
    let ask = world.start(&["ask", "[[say: well]]"]);
    wait_until("the end is written", LONG, || marker.exists());
    let look = Look::into(&world);
    let (id,) = look.rows::<(String,)>("SELECT id FROM run").remove(0);
    let shim = RunDir::of(&Home::at(world.home()).unwrap(), &id).shim().unwrap().unwrap();
    stop(&shim);
    std::fs::remove_file(&marker).unwrap();
    assert_eq!(ask.end(LONG).code, Some(0));
    wait_until("its row is over", LONG, || look.count("SELECT COUNT(*) FROM run WHERE state = 'over'") == 1);
    wait_until("it was woken and has ended", LONG, || shim.living() == Living::No);
}

#[test]
fn what_carries_the_mark_of_a_run_that_is_over_is_ended_and_of_a_run_that_nobody_knows_is_left_alone() {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let foreign = plant(&world, "another-home's");
    let leftover = plant(&world, &run);
    // `up` itself was started from within the agent, as it were.
    world.env.push(("AGENTLAB_RUN".into(), run.clone()));
    let up = world.up();
    wait_until("the sweep at the start has ended it", LONG, || leftover.living() == Living::No);
    let later = plant(&world, &run);
    wait_until("a later sweep has ended it", LONG, || later.living() == Living::No);
    assert_eq!(foreign.living(), Living::Yes);
    let only = [Identity::of(up.pid()).unwrap().unwrap()];
    assert_eq!(marked(&mark(&run)).unwrap(), only, "it ends neither itself nor what it started");
    assert_eq!(world.run(&["ask", "[[say: goes on]]"]).code, Some(0));
}

#[test]
fn a_shim_that_does_not_end_is_named_to_the_owner_and_left_alone() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.configure("max_run_minutes = 1\n");
    let marker = world.path("paused");
    world.env.push(("AGENTLAB_TEST_PAUSE_AT".into(), format!("shim-watch:{}", marker.display())));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.03".into()));
    let owner = 7009;
    world.env.push(("AGENTLAB_TELEGRAM__OWNER".into(), owner.to_string()));
    let _up = world.up();
    api.user_says(ANN, ANN, "[[hang]]");
    api.wait_for_text(owner, "Task 1 does not end. Its time limit is over", LONG);
    let shim: i32 = std::fs::read_to_string(&marker).unwrap().parse().unwrap();
    assert_eq!(Identity::of(shim).unwrap().unwrap().living(), Living::Yes);
    std::fs::remove_file(&marker).unwrap();
    wait_until("its shim has ended it", LONG, || {
        world.count("SELECT COUNT(*) FROM run WHERE outcome = 'time_limit'") == 1
    });
    assert_eq!(api.messages(owner).iter().filter(|message| message.text.contains("does not end")).count(), 1);
}
