//! Chaos: what runs is killed and stopped at random under load, the database is locked, damaged and taken away, tasks are
//! cancelled; and then every
//! task has one outcome, nobody was answered twice, nothing is left over and the system is as well as before.
//!
//! `AGENTLAB_TEST_CHAOS=30m` sets how long (`just chaos 30m`; else about twenty seconds), with time limits as they are;
//! `AGENTLAB_TEST_CHAOS_SEED=n` takes the choices of an earlier run again. The moments at which they meet the system are never
//! the same twice.

mod account;
mod faults;
mod foreman;
mod load;
mod spoil;
mod watch;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use agentlab_stand_ins::BotApi;

use crate::world::{World, write_script};
use faults::{Faults, Hits};
use foreman::Foreman;
use load::Given;
use watch::Watch;

/// How long it lasts in an ordinary test run.
const SHORT: Duration = Duration::from_secs(20);

/// What one run of it does.
#[derive(Debug, Clone, Copy)]
struct Plan {
    seed: u64,
    lasts: Duration,
    /// What time limits are multiplied with.
    scale: f64,
}

impl Plan {
    fn of_environment() -> Self {
        let seed = std::env::var("AGENTLAB_TEST_CHAOS_SEED").ok().map(|text| text.parse().unwrap());
        let lasts = std::env::var("AGENTLAB_TEST_CHAOS").ok().map(|text| duration(&text));
        Self {
            seed: seed.unwrap_or_else(|| fastrand::u64(0..1_000_000)),
            lasts: lasts.unwrap_or(SHORT),
            scale: if lasts.is_some() { 1.0 } else { 0.3 },
        }
    }

    /// A time that is as long as the product's own limits.
    fn scaled(&self, time: Duration) -> Duration {
        time.mul_f64(self.scale)
    }
}

/// `90s`, `5m`, `1h`.
fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("AGENTLAB_TEST_CHAOS is not a time like 5m: {text:?}"));
    match unit {
        "s" => Duration::from_secs(number),
        "m" => Duration::from_mins(number),
        "h" => Duration::from_hours(number),
        _ => panic!("AGENTLAB_TEST_CHAOS is not a time like 5m: {text:?}"),
    }
}

/// A world whose agents say when they begin, and when an earlier one of the same task still lives.
fn world(api: &BotApi, plan: &Plan) -> World {
    let mut world = World::with_bot(api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), plan.scale.to_string()));
    world.configure("[rate]\nper_minute = 100000\nper_hour = 100000\n[backup]\nevery_minutes = 1\n");
    let project = world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", project.display()));
    std::fs::create_dir_all(world.path("locks")).unwrap();
    // The lock is the agent's own for as long as it lives, whoever kills it how: `exec` keeps descriptors.
    let script = format!(
        "#!/bin/sh\n\
         prompt=$(cat)\n\
         task=$(printf '%s' \"$prompt\" | sed -n 's/.*task-\\([0-9]*\\) .*/\\1/p' | head -n 1)\n\
         exec 9>{locks}/\"${{task:-none}}\"\n\
         flock -n 9 || echo \"${{task:-none}} $AGENTLAB_RUN\" >>{doubled}\n\
         echo \"${{task:-none}} $AGENTLAB_RUN\" >>{begun}\n\
         exec {program} rehearse \"$@\" <<END\n$prompt\nEND\n",
        locks = world.path("locks").display(),
        doubled = world.path("doubled").display(),
        begun = world.path("begun").display(),
        program = world.program.display(),
    );
    write_script(&world.path("bin/rehearse.sh"), &script);
    world
}

#[test]
fn chaos_loses_nothing_doubles_nothing_and_leaves_nothing() {
    let plan = Plan::of_environment();
    eprintln!("chaos: seed {}, {:?} at time scale {}", plan.seed, plan.lasts, plan.scale);
    let api = BotApi::start();
    let world = world(&api, &plan);
    let first = world.up();
    let (calm, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let began = Instant::now();
    let (watch, foreman, hits) = (Watch::of(&world, began), Foreman::of(&world, &plan), Hits::new(began));
    let (given, up): (Vec<Given>, _) = std::thread::scope(|scope| {
        // Whatever fails here, the others end: a scope waits for all of its threads.
        let _ends = Ends(&calm, &over);
        scope.spawn(|| watch.keep(&over));
        let up = scope.spawn(|| foreman.keep(first, &watch, &over));
        let load = scope.spawn(|| load::keep(&world, &api, &plan, &calm));
        Faults::of(&world, &plan, (&foreman, &watch, &hits)).keep(scope);
        calm.store(true, Ordering::Relaxed);
        let given = load.join().unwrap();
        account::settle(&world, &api, &watch, &plan);
        over.store(true, Ordering::Relaxed);
        (given, up.join().unwrap())
    });
    hits.print();
    watch.print();
    foreman.check();
    account::check(&world, &api, &given, &hits);
    account::nothing_but_daemons(&world, &up);
    assert_eq!(up.stop().code, Some(0));
    assert_eq!(world.living(), [], "nothing lives after the system was stopped");
    eprintln!("chaos: seed {} is survived", plan.seed);
}

/// Ends the threads of the scope, also when the test fails.
struct Ends<'a>(&'a AtomicBool, &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.store(true, Ordering::Relaxed);
    }
}
