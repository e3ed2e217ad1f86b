//! Steps: between any two statements of claim, start, attach and finish, and of shim and gate, whoever is there is killed
//! once. The task is answered once all the same, and the agent never worked twice at the same time.

use agentlab_platform::{
    failpoints::{KILL_AT, PAUSE_AT},
    identity::{Identity, marked},
    spawn::{self, Wish},
};
use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, Look, World, kill_9, wait_until, write_script};

/// Worlds side by side.
const ABREAST: usize = 4;

/// Who is killed at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    /// The process that is there.
    Itself,
    /// And whatever else belongs to the run.
    WholeRun,
}

/// How long the first agent works, in seconds: it ends by itself, or is met at its work.
const BRIEF: &str = "0.3";
const MET_AT_WORK: &str = "3";

/// A world of two workers whose agent notes when it begins and ends, and where somebody is killed at `point`.
fn world(mut world: World, point: &str, first: &str) -> World {
    let script = world.path("bin/agent.sh");
    let log = world.path("log");
    let program = env!("CARGO_BIN_EXE_agentlab");
    write_script(
        &script,
        &format!(
            "#!/bin/sh
echo \"+ $AGENTLAB_RUN\" >>{0}
if mkdir {0}.first 2>/dev/null; then sleep {first}; else sleep {BRIEF}; fi
echo \"- $AGENTLAB_RUN\" >>{0}
exec {program} rehearse
",
            log.display()
        ),
    );
    world.configure(&format!("[agent]\ncommand = '{}'\n[workers]\ncount = 2\n", script.display()));
    world.env.push((KILL_AT.into(), format!("{point}:{}", world.path("killed").display())));
    world
}

/// Everything of every run of this world, the runs' own marks asked for.
fn of_runs(world: &World) -> Vec<Identity> {
    let runs = std::fs::read_dir(world.home().join("runs")).into_iter().flatten().filter_map(Result::ok);
    runs.flat_map(|run| marked(&format!("AGENTLAB_RUN={}", run.file_name().to_string_lossy())).unwrap()).collect()
}

/// The agents that began, in order; panics when one worked while another did, or one run had two.
fn began(world: &World, point: &str) -> Vec<String> {
    let log = std::fs::read_to_string(world.path("log")).unwrap();
    let mut began: Vec<String> = Vec::new();
    let mut ended = Vec::new();
    for line in log.lines() {
        let (sign, run) = line.split_once(' ').unwrap();
        if sign == "+" {
            assert!(!began.contains(&run.to_owned()), "{point}: a run began twice: {log}");
            began.push(run.to_owned());
        } else {
            assert_eq!(began.last().map(String::as_str), Some(run), "{point}: two worked at the same time: {log}");
            ended.push(run.to_owned());
        }
    }
    assert_eq!(ended.last(), began.last(), "{point}: the last one worked to its end: {log}");
    began
}

/// The outcomes of all runs, in order.
fn outcomes(world: &World) -> Vec<String> {
    let rows = Look::into(world).rows::<(String,)>("SELECT outcome FROM run ORDER BY attempt");
    rows.into_iter().map(|(outcome,)| outcome).collect()
}

/// Kills at a point while a terminal waits; returns the outcomes of the runs, of which so many agents began.
fn asked(point: &str, first: &str, killed: Killed) -> (Vec<String>, usize) {
    let world = world(World::new(), point, first);
    let ask = world.start(&["ask", "[[say: answered]]"]);
    if killed == Killed::WholeRun {
        wait_until("it was killed", LONG, || world.path("killed").exists());
        // The first run only: the second may have begun by now.
        let (run,) = Look::into(&world).rows::<(String,)>("SELECT id FROM run WHERE attempt = 1").remove(0);
        marked(&format!("AGENTLAB_RUN={run}")).unwrap().iter().for_each(|process| spawn::signal(process, Wish::Kill));
    }
    let ended = ask.end(LONG);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "answered"), "{point}: {ended:?}");
    // What comes after the answer is killed after it.
    wait_until("it was killed", LONG, || world.path("killed").exists());
    wait_until("nothing of a run is left", LONG, || of_runs(&world).is_empty());
    let outcomes = outcomes(&world);
    assert_eq!(outcomes.last().map(String::as_str), Some("succeeded"), "{point}: {outcomes:?}");
    (outcomes, began(&world, point).len())
}

/// Several worlds side by side, for each of these points.
fn at_each<T: Copy + Sync>(points: &[T], story: impl Fn(T) + Sync) {
    let each = points.len().div_ceil(ABREAST);
    std::thread::scope(|scope| {
        for some in points.chunks(each) {
            scope.spawn(|| some.iter().for_each(|point| story(*point)));
        }
    });
}

#[test]
fn r1_kill_9_of_the_worker_between_any_two_statements_of_claim_and_attach_answers_once() {
    let points = [
        ("claim-begin", 1),
        ("claim-lease", 1),
        ("claim-run", 1),
        ("claim-spend", 1),
        ("claim-commit", 1),
        // The run is known and has no process: it is closed, and another begins.
        ("claim-committed", 2),
        ("attach-begin", 1),
        ("attach-told", 1),
        ("attach-over", 1),
    ];
    at_each(&points, |(point, runs)| {
        let (outcomes, began) = asked(point, BRIEF, Killed::Itself);
        assert_eq!((outcomes.len(), began), (runs, 1), "{point}: {outcomes:?}");
    });
}

#[test]
fn r6_kill_9_of_the_worker_between_any_two_statements_of_the_finish_answers_the_chat_once() {
    let points = ["finish-lease", "finish-run", "finish-job", "finish-outbox", "finish-commit", "finish-committed"];
    at_each(&points, |point| {
        let api = BotApi::start();
        let mut bot = World::new();
        bot.configure(&format!(
            "[telegram]\ntoken = '{}'\napi_url = '{}'\nallowed_users = [{ANN}]\n",
            api.token(),
            api.url()
        ));
        let world = world(bot, point, BRIEF);
        let _up = world.up();
        api.user_says(ANN, ANN, "[[say: answered]]");
        api.wait_for_text(ANN, "answered", LONG);
        wait_until("it was killed", LONG, || world.path("killed").exists());
        let look = Look::into(&world);
        wait_until("nothing is owed", LONG, || look.count("SELECT COUNT(*) FROM v_owed") == 0);
        wait_until("nothing of a run is left", LONG, || of_runs(&world).is_empty());
        assert_eq!((outcomes(&world), began(&world, point).len()), (vec!["succeeded".into()], 1), "{point}");
        assert_eq!(api.messages(ANN).len(), 1, "{point}: {}", api.transcript(ANN));
        assert_eq!(look.count("SELECT COUNT(*) FROM spend WHERE settled_at IS NOT NULL"), 1, "{point}");
    });
}

#[test]
fn r4_kill_9_of_the_gate_at_any_step_begins_nothing_and_the_next_run_answers() {
    at_each(&["gate-locked", "gate-open", "gate-become"], |point| {
        let (outcomes, began) = asked(point, BRIEF, Killed::Itself);
        assert_eq!((outcomes.len(), began), (2, 1), "{point}: {outcomes:?}");
    });
}

/// Points of the shim: how many runs come of a kill there, and how many agents begin at most.
const SHIM: [(&str, usize, usize); 12] = [
    // Nothing has begun.
    ("shim-begin", 2, 1),
    ("shim-spec", 2, 1),
    ("shim-gate", 2, 1),
    ("shim-reserve", 2, 1),
    ("shim-child", 2, 1),
    // The agent lives and has no keeper: it is ended, and another begins.
    ("shim-open", 2, 2),
    ("shim-watch", 2, 2),
    // The agent has ended by itself, its answer stands in its events.
    ("shim-ended", 1, 1),
    ("shim-exit", 1, 1),
    ("exit-synced", 1, 1),
    ("exit-written", 1, 1),
    ("exit-renamed", 1, 1),
];

#[test]
fn r3_kill_9_of_the_shim_at_any_step_ends_its_run_before_another_begins() {
    at_each(&SHIM, |point| shim_killed_at(point, Killed::Itself));
}

#[test]
fn r3_kill_9_of_the_shim_and_its_whole_run_at_any_step_is_answered_once() {
    at_each(&SHIM, |point| shim_killed_at(point, Killed::WholeRun));
}

#[test]
fn r3_kill_9_of_the_worker_at_any_step_of_settling_a_run_answers_once() {
    at_each(&["exit-synced", "exit-written", "exit-renamed"], |point| {
        let mut world = world(World::new(), point, MET_AT_WORK);
        let paused = world.path("paused");
        world.env.push((PAUSE_AT.into(), format!("shim-watch:{}", paused.display())));
        let ask = world.start(&["ask", "[[say: answered]]"]);
        let mut shim = None;
        wait_until("the shim is there", LONG, || {
            shim = std::fs::read_to_string(&paused).ok().and_then(|pid| pid.parse().ok());
            shim.is_some()
        });
        // Now its run has to be settled, and whoever does that is killed.
        kill_9(shim.unwrap());
        let ended = ask.end(LONG);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "answered"), "{point}: {ended:?}");
        assert!(world.path("killed").exists(), "{point}: the worker was killed");
        assert_eq!(outcomes(&world), ["unkept", "succeeded"], "{point}");
        wait_until("nothing of a run is left", LONG, || of_runs(&world).is_empty());
        assert!((1..=2).contains(&began(&world, point).len()), "{point}");
    });
}

fn shim_killed_at((point, runs, most): (&str, usize, usize), killed: Killed) {
    let first = if most > 1 { MET_AT_WORK } else { BRIEF };
    let (outcomes, began) = asked(point, first, killed);
    assert_eq!(outcomes.len(), runs, "{point}, {killed:?}: {outcomes:?}");
    assert!((1..=most).contains(&began), "{point}, {killed:?}: {began} began");
}
