//! Interleavings: a process is held at one point while others go on, so that what could only happen by chance happens.
//! The rules are named as in docs/ARCHITECTURE.md.

use std::path::PathBuf;

use crate::world::{ANN, LONG, Look, World, kill_9, wait_until};
use agentlab_domain::{
    outcome::End,
    role::{Post, Role},
};
use agentlab_platform::{
    db::Db,
    failpoints::PAUSE_AT,
    home::Home,
    identity::marked,
    lock::{Lock, Mode},
    ping,
    run_dir::RunDir,
};
use agentlab_stand_ins::BotApi;

/// A world in which whoever comes to `point` first stays there until `go_on`.
struct Paused {
    world: World,
    marker: PathBuf,
}

impl Paused {
    fn at(point: &str) -> Self {
        Self::of(World::new(), point)
    }

    fn of(mut world: World, point: &str) -> Self {
        let marker = world.path("paused");
        world.env.push((PAUSE_AT.into(), format!("{point}:{}", marker.display())));
        Self { world, marker }
    }

    /// Waits until somebody is there; returns who.
    fn somebody(&self) -> i32 {
        let mut pid = None;
        wait_until("somebody is there", LONG, || {
            pid = std::fs::read_to_string(&self.marker).ok().and_then(|text| text.parse().ok());
            pid.is_some()
        });
        pid.unwrap()
    }

    fn go_on(&self) {
        std::fs::remove_file(&self.marker).unwrap();
    }

    /// The first run.
    fn run(&self) -> (String, RunDir) {
        let (id,) = Look::into(&self.world).rows::<(String,)>("SELECT id FROM run ORDER BY attempt").remove(0);
        let run = RunDir::of(&Home::at(self.world.home()).unwrap(), &id);
        (id, run)
    }
}

#[test]
fn r1_a_run_is_known_with_its_reservation_before_any_file_of_it_exists_and_not_by_halves() {
    for (point, committed) in [("claim-commit", 0), ("claim-committed", 1)] {
        let paused = Paused::at(point);
        let world = &paused.world;
        let _up = world.up();
        let ask = world.start(&["ask", "[[say: once]]"]);
        paused.somebody();
        let look = Look::into(world);
        for what in [
            "SELECT COUNT(*) FROM run WHERE state = 'claimed' AND session <> '' AND token <> '' AND attempt = 1",
            "SELECT COUNT(*) FROM spend WHERE settled_at IS NULL",
            "SELECT COUNT(*) FROM job WHERE state = 'running'",
            "SELECT COUNT(*) FROM Jobs WHERE status = 'Running' AND lock_by IS NOT NULL",
        ] {
            assert_eq!(look.count(what), committed, "{point}: {what}");
        }
        assert_eq!(std::fs::read_dir(world.home().join("runs")).unwrap().count(), 0, "{point}: no file yet");
        paused.go_on();
        assert!(ask.end(LONG).stdout.starts_with("once"), "{point}");
        assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1, "{point}");
    }
}

#[test]
fn i1_i3_an_update_is_whole_in_rows_and_journal_before_it_is_confirmed() {
    for (point, committed) in [("intake-begin", 0), ("intake-update", 0), ("intake-commit", 0), ("intake-committed", 1)]
    {
        let api = BotApi::start();
        let paused = Paused::of(World::with_bot(&api), point);
        let world = &paused.world;
        let _up = world.up();
        let said = api.user_says(ANN, ANN, "kumquat [[say: once]]");
        let bot = paused.somebody();
        let journal = std::fs::read_to_string(world.home().join("intake.jsonl")).unwrap_or_default();
        let lines = journal.lines().filter(|line| line.contains("kumquat")).count();
        assert_eq!(i64::try_from(lines).unwrap(), committed, "{point}: the whole transaction is one line: {journal}");
        let look = Look::into(world);
        for what in [
            "SELECT COUNT(*) FROM telegram_update WHERE raw LIKE '%kumquat%'",
            "SELECT COUNT(*) FROM job JOIN job_lane l ON l.job_id = job.id JOIN Jobs q ON q.id = job.id",
            "SELECT COUNT(*) FROM outbox",
        ] {
            assert_eq!(look.count(what), committed, "{point}: {what}");
        }
        // Whatever had not been confirmed comes again, and is the same task.
        kill_9(bot);
        api.wait_for_text(ANN, "once", LONG);
        assert_eq!(look.count("SELECT COUNT(*) FROM job"), 1, "{point}");
        assert_eq!(api.messages(ANN).len(), 1, "{point}, {said:?}: {}", api.transcript(ANN));
    }
}

#[test]
fn r2_the_runs_lock_is_never_free_between_worker_and_shim() {
    // The shim exists and has not done anything yet; its worker dies.
    let paused = Paused::at("shim-begin");
    let world = &paused.world;
    let _up = world.up();
    let ask = world.start(&["ask", &format!("[[append: {} ran]] [[say: once]]", world.path("log").display())]);
    paused.somebody();
    let look = Look::into(world);
    wait_until("its worker holds the run", LONG, || look.held().len() == 1);
    let holder = look.held().remove(0);
    kill_9(holder.pid);
    let (_, run) = paused.run();
    assert!(run.lock_held().unwrap(), "the descriptor went to the shim with the shim");
    wait_until("another worker attaches", LONG, || look.held().iter().any(|held| held.by != holder.by));
    assert!(run.exit().unwrap().is_none(), "it was not settled");
    paused.go_on();
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("once"), "{ended:?}");
    assert_eq!(std::fs::read_to_string(world.path("log")).unwrap(), "ran\n");
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn r2_a_worker_that_dies_before_its_shim_exists_leaves_no_lock_behind() {
    let paused = Paused::at("start-shim");
    let world = &paused.world;
    let _up = world.up();
    let ask = world.start(&["ask", "[[say: the second run]]"]);
    let worker = paused.somebody();
    let (_, run) = paused.run();
    assert!(run.lock_held().unwrap(), "the worker holds it while it prepares");
    kill_9(worker);
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("the second run"), "{ended:?}");
    let outcomes: Vec<(String,)> = Look::into(world).rows("SELECT outcome FROM run ORDER BY attempt");
    assert_eq!(outcomes, [("unkept".to_owned(),), ("succeeded".to_owned(),)]);
}

#[test]
fn r4_a_gate_whose_pipe_closes_begins_nothing() {
    // The agent is recorded, the gate waits; then its shim dies.
    let paused = Paused::at("shim-child");
    let world = &paused.world;
    let log = world.path("log");
    let _up = world.up();
    let ask = world.start(&["ask", &format!("[[append: {} ran]] [[say: once]]", log.display())]);
    let shim = paused.somebody();
    let (id, run) = paused.run();
    let gate = run.child().unwrap().unwrap();
    assert_ne!(gate.pid, shim);
    let waits = marked(&format!("AGENTLAB_RUN={id}")).unwrap();
    assert!(waits.contains(&gate), "recorded while it waits: {waits:?}");
    assert!(!log.exists());
    kill_9(shim);
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("once"), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "ran\n", "the second run alone");
    assert_eq!(std::fs::metadata(run.events()).unwrap().len(), 0, "nothing of the first began");
    assert_eq!(marked(&format!("AGENTLAB_RUN={id}")).unwrap(), []);
}

#[test]
fn r6_a_handler_that_returns_after_its_lease_was_lost_changes_nothing() {
    // The worker has read the end of the run and decided it; before it writes, another finishes the job.
    let paused = Paused::at("finish-begin");
    let world = &paused.world;
    let _up = world.up();
    let ask = world.start(&["ask", "[[say: once]]"]);
    let late = paused.somebody();
    let look = Look::into(world);
    let holder = look.held().remove(0);
    assert_eq!(holder.pid, late);
    let slot = holder.by.split(['-', '.']).nth(1).unwrap().parse().unwrap();
    let home = Home::at(world.home()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What only the holder of the slot's lock may do, done while its process lives.
    runtime.block_on(async { Db::open(&home).await.unwrap().release_slot(slot).await }).unwrap();
    ping::ping_workers(&home);
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("once"), "{ended:?}");
    let rows = || {
        let tables = ["Jobs", "job", "job_lane", "run", "spend", "outbox"];
        tables.map(|table| world.sql(&format!("SELECT * FROM {table}")))
    };
    let before = rows();
    paused.go_on();
    let log = home.logs();
    wait_until("it says that it came too late", LONG, || {
        let logs = std::fs::read_dir(&log).unwrap().filter_map(Result::ok);
        logs.filter_map(|log| std::fs::read_to_string(log.path()).ok()).any(|log| log.contains("the lease was lost"))
    });
    // It is idle again when it takes another task.
    for _ in 0..3 {
        assert_eq!(world.run(&["ask", "[[say: next]]"]).code, Some(0));
    }
    let after = rows();
    for (before, after) in before.iter().zip(&after) {
        assert!(before.iter().all(|row| after.contains(row)), "{before:?}\n{after:?}");
    }
}

#[test]
fn r8_a_stop_is_obeyed_though_no_worker_lives() {
    let world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", "[[fork: 600]] [[tool: Bash forever]] [[hang]]"]).code, Some(0));
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    let run = look.held().remove(0).run;
    let workers = [1, 2, 3].map(|slot| world.pid("worker", slot));
    kill_9(up.pid());
    drop(up);
    workers.into_iter().for_each(kill_9);
    let home = Home::at(world.home()).unwrap();
    // Whoever wants to start a system finds that there is one.
    let post = home.post_lock(Post { role: Role::Supervisor, slot: 0 });
    let nobody_starts = Lock::take(&post, Mode::Exclusive).unwrap().unwrap();
    let cancel = world.start(&["cancel", "1"]);
    let directory = RunDir::of(&home, &run);
    wait_until("the shim has ended it", LONG, || directory.exit().unwrap().is_some());
    assert!(matches!(directory.exit().unwrap().unwrap().end, End::Stopped { .. }));
    wait_until("nothing of it is left", LONG, || marked(&format!("AGENTLAB_RUN={run}")).unwrap().is_empty());
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE state = 'running'"), 1, "no worker has written it down yet");
    drop(nobody_starts);
    let ended = cancel.end(LONG);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "task 1: cancelled"), "{ended:?}");
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1);
}
