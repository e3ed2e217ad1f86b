//! Adoption: workers are killed at random under load, and every run goes on. The times from a death to the moment when a
//! living worker holds lease and run are printed (`--nocapture`), not judged: a test machine may be busy.

use std::{
    collections::HashSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use agentlab_platform::{
    identity::Identity,
    spawn::{self, Wish},
};

use crate::world::{Giver, Held, LONG, Look, World, few_or_many, kill_9, wait_until};

/// Tasks that wait or run at any moment, so that no worker is idle.
const LOAD: i64 = 6;

/// Gives tasks as fast as they are done until there are enough; returns how many.
fn feed(world: &World, log: &Path, enough: &AtomicBool) -> usize {
    let (look, mut giver) = (Look::into(world), Giver::of(world, "p"));
    while !enough.load(Ordering::Relaxed) {
        if look.count("SELECT COUNT(*) FROM job WHERE ended_at IS NULL") >= LOAD {
            std::thread::park_timeout(Duration::from_millis(20));
            continue;
        }
        let n = giver.given();
        let (log, ms) = (log.display(), 500 + n * 370 % 1000);
        giver.give(format!("[[append: {log} {n}]] [[sleep: {}.{:03}]] [[say: answer-{n}.]]", ms / 1000, ms % 1000));
    }
    giver.given()
}

/// Kills a worker, mostly one that holds a run, and returns how long its run was without a living one.
fn kill_one(look: &Look, n: usize) -> Option<Duration> {
    let holder = (!n.is_multiple_of(4)).then(|| {
        let mut held = Vec::new();
        wait_until("a worker holds a run", LONG, || {
            held = look.held();
            !held.is_empty()
        });
        held.swap_remove(n * 7 % held.len())
    });
    let Some(holder) = holder else {
        // Whoever sits there, whatever it does: perhaps it only starts.
        let workers: Vec<(i32,)> = look.rows("SELECT pid FROM process WHERE role = 'worker' ORDER BY slot");
        let process = Identity::of(workers[n * 5 % workers.len()].0).ok()??;
        spawn::signal(&process, Wish::Kill);
        return None;
    };
    // It may have died of an earlier kill, its row still there.
    Identity::of(holder.pid).ok()??;
    let killed = Instant::now();
    kill_9(holder.pid);
    let attached = |held: &Held| held.run == holder.run && held.by != holder.by;
    while killed.elapsed() < LONG {
        if look.held().iter().any(attached) {
            return Some(killed.elapsed());
        }
        let ended = look.rows::<(String,)>("SELECT id FROM run WHERE state = 'over'");
        if ended.contains(&(holder.run.clone(),)) {
            // Finished by the one that was killed, or attached and finished between two looks.
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("nobody attached to {holder:?}");
}

#[test]
fn r7_workers_killed_at_random_under_load_lose_no_run_and_repeat_none() {
    let mut world = World::new();
    // Delays as they are: it is their sum that is measured.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "1".into()));
    let log = world.project("p").join("log");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    let mut up = world.up();
    let (look, enough) = (Look::into(&world), AtomicBool::new(false));
    let mut times = Vec::new();
    let given = std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&world, &log, &enough));
        for n in 0..few_or_many(40, 200) {
            times.extend(kill_one(&look, n));
            // At no fixed moment of a run.
            std::thread::park_timeout(Duration::from_millis(20 + u64::try_from(n * 61 % 200).unwrap()));
        }
        enough.store(true, Ordering::Relaxed);
        feeding.join().unwrap()
    });
    wait_until("every task has ended", LONG, || look.count("SELECT COUNT(*) FROM job WHERE ended_at IS NULL") == 0);
    answered_once(&look, given, &log);
    times.sort_unstable();
    let (p50, worst) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("death to attached: {} kills of a live run, p50 {p50:.1?}, max {worst:.1?}", times.len());
    assert!(times.len() > few_or_many(40, 200) / 4, "kills hit runs: {}", times.len());
    up.wait_for_line("ready:", LONG);
}

/// Every task is done with its own answer, no agent worked twice, and no run but the one that worked came to anything.
fn answered_once(look: &Look, given: usize, log: &Path) {
    let jobs: Vec<(String, String)> = look.rows("SELECT state, answer FROM job ORDER BY number");
    assert_eq!(jobs.len(), given);
    for (n, (state, answer)) in jobs.iter().enumerate() {
        assert!(state == "done" && answer.contains(&format!("answer-{n}.")), "{n}: {state} {answer}");
    }
    let given = i64::try_from(given).unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    let worked: HashSet<&str> = log.lines().collect();
    assert_eq!((log.lines().count(), worked.len()), (jobs.len(), jobs.len()), "one line a task: {log}");
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE outcome = 'succeeded'"), given);
    // A worker that died between claim and shim leaves a run in which nothing ever began.
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE outcome NOT IN ('succeeded', 'unkept')"), 0);
    let unkept = look.count("SELECT COUNT(*) FROM run WHERE outcome = 'unkept'");
    assert!(unkept <= given / 10, "{unkept} of {given}");
}
