//! The rungs of healing, each with real processes: killed, standing still, frozen, stopped inside a write transaction, kept from
//! the database by a stranger, and falling over at every start. What is measured is printed (`--nocapture`).

use std::time::{Duration, Instant};

use agentlab_domain::role::{Post, Role, posts};
use agentlab_platform::{
    failpoints::{BLOCK_AT, STOP_AT},
    home::Home,
    identity::{Identity, Living},
    pulse::{self, Beat},
};
use agentlab_stand_ins::BotApi;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{locked::Foreign, starting::install};
use crate::world::{ANN, LONG, Look, World, kill_9, wait_until, write_script};

/// A hang is declared within five seconds; a busy machine may add to it.
const DECLARED: Duration = Duration::from_secs(7);

/// What the living process at a post says of itself.
fn beat(world: &World, post: Post) -> Option<Beat> {
    let beat = pulse::read(&Home::at(world.home()).unwrap(), post);
    beat.filter(|beat| beat.identity.living() == Living::Yes)
}

fn at(world: &World, post: Post) -> Identity {
    beat(world, post).unwrap_or_else(|| panic!("nobody is at {post}")).identity
}

/// Waits until another process than `before` is ready at the post.
fn another_is_ready(world: &World, post: Post, before: &Identity) -> Identity {
    let mut found = None;
    wait_until(&format!("another is ready at {post}"), LONG, || {
        found = beat(world, post).filter(|beat| beat.ready && beat.identity != *before);
        found.is_some()
    });
    found.unwrap().identity
}

/// How many processes of this world have these first arguments.
fn copies(world: &World, post: Post) -> usize {
    let arguments = match post.role {
        Role::Worker => format!("worker\0--slot\0{}\0", post.slot),
        Role::Bot | Role::Console | Role::Supervisor => format!("{}\0", post.role.as_str()),
    };
    let line = |process: &Identity| std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).ok();
    let is_one = |line: &String| line.split_once('\0').is_some_and(|(_, rest)| rest.starts_with(&arguments));
    world.living().iter().filter_map(line).filter(is_one).count()
}

#[test]
fn killed_each_role_is_started_again_at_once_and_never_twice() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    // Nobody looks without being told: between two looks are a hundred seconds.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "100".into()));
    let up = world.up();
    for post in posts(3, true, true) {
        let before = at(&world, post);
        kill_9(before.pid);
        let killed = Instant::now();
        another_is_ready(&world, post, &before);
        eprintln!("{post}: killed to ready {:.1?}", killed.elapsed());
        assert!(!cfg!(target_os = "linux") || copies(&world, post) == 1, "{post}: one process at one post");
    }
    let daemons: Vec<Identity> = posts(3, true, true).into_iter().map(|post| at(&world, post)).collect();
    kill_9(up.pid());
    drop(up);
    let _up = world.up();
    for (post, before) in posts(3, true, true).into_iter().zip(daemons) {
        assert_eq!(at(&world, post), before, "{post}: found again by its lock");
        assert!(!cfg!(target_os = "linux") || copies(&world, post) == 1, "{post}: no second copy");
    }
}

#[test]
fn whoever_stands_still_is_ended_within_five_seconds() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "1".into()));
    let _up = world.up();
    let posts = [(Role::Bot, 0), (Role::Worker, 1), (Role::Console, 0)].map(|(role, slot)| Post { role, slot });
    let stopped = posts.map(|post| at(&world, post));
    let began = Instant::now();
    for process in &stopped {
        kill(Pid::from_raw(process.pid), Signal::SIGSTOP).unwrap();
    }
    let mut took = [None; 3];
    wait_until("all were ended", LONG, || {
        for (took, process) in took.iter_mut().zip(&stopped) {
            if took.is_none() && process.living() == Living::No {
                *took = Some(began.elapsed());
            }
        }
        took.iter().all(Option::is_some)
    });
    for ((post, before), took) in posts.into_iter().zip(&stopped).zip(took.into_iter().flatten()) {
        eprintln!("{post}: stopped to ended {took:.2?}");
        assert!(took < DECLARED, "{post}: {took:?}");
        another_is_ready(&world, post, before);
    }
}

/// A world in which something happens once to the process that comes to `point` first; time limits are as they are.
fn planted(api: &BotApi, what: &str, point: &str) -> World {
    let mut world = World::with_bot(api);
    world.env.push((what.into(), format!("{point}:{}", world.path("planted").display())));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "1".into()));
    world
}

/// Waits until somebody came to the point; returns who.
fn somebody(world: &World) -> Identity {
    let mut pid = None;
    wait_until("somebody is there", LONG, || {
        pid = std::fs::read_to_string(world.path("planted")).ok().and_then(|text| text.parse().ok());
        pid.is_some()
    });
    Identity::of(pid.unwrap()).unwrap().unwrap()
}

#[test]
fn a_process_whose_runtime_turns_no_more_while_its_pulse_goes_on_is_ended_within_five_seconds() {
    // The bot between two transactions and inside one, a worker inside one.
    for (point, post) in [
        ("intake-committed", Post { role: Role::Bot, slot: 0 }),
        ("intake-effect", Post { role: Role::Bot, slot: 0 }),
        ("claim-lease", Post { role: Role::Worker, slot: 0 }),
    ] {
        let api = BotApi::start();
        let world = planted(&api, BLOCK_AT, point);
        let _up = world.up();
        api.user_says(ANN, ANN, "[[say: answered.]]");
        let frozen = somebody(&world);
        let began = Instant::now();
        wait_until("it was ended", LONG, || frozen.living() == Living::No);
        let took = began.elapsed();
        eprintln!("{} at {point}: frozen to ended {took:.2?}", post.role.as_str());
        assert!(took < DECLARED, "{point}: {took:?}");
        api.wait_for_text(ANN, "answered.", LONG);
        let look = Look::into(&world);
        assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1, "{point}: once");
        let who = look.rows::<(i64,)>("SELECT pid FROM process");
        assert!(!who.contains(&(i64::from(frozen.pid),)), "{point}: another has its place");
    }
}

#[test]
fn l2_a_worker_that_stands_still_inside_a_write_transaction_is_ended_and_everybody_goes_on() {
    for point in ["claim-lease", "finish-job"] {
        let api = BotApi::start();
        let world = planted(&api, STOP_AT, point);
        let _up = world.up();
        api.user_says(ANN, ANN, &format!("[[append: {} ran]] [[say: answered.]]", world.path("log").display()));
        let stopped = somebody(&world);
        let began = Instant::now();
        wait_until("it was ended", LONG, || stopped.living() == Living::No);
        eprintln!("worker at {point}: stopped to ended {:.2?}", began.elapsed());
        api.wait_for_text(ANN, "answered.", LONG);
        assert_eq!(std::fs::read_to_string(world.path("log")).unwrap().lines().count(), 1, "{point}: worked once");
        assert_eq!(Look::into(&world).count("SELECT COUNT(*) FROM run"), 1, "{point}: one run");
    }
}

#[test]
fn a_bot_that_is_killed_while_a_stranger_keeps_the_database_is_started_all_the_same() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let post = Post { role: Role::Bot, slot: 0 };
    let before = at(&world, post);
    let foreign = Foreign::lock(&world);
    kill_9(before.pid);
    let killed = Instant::now();
    wait_until("another is at its post", LONG, || beat(&world, post).is_some_and(|beat| beat.identity != before));
    eprintln!("bot: killed to started under a lock {:.1?}", killed.elapsed());
    assert!(!beat(&world, post).unwrap().ready, "nothing is accepted before it is ready");
    drop(foreign);
    another_is_ready(&world, post, &before);
    api.user_says(ANN, ANN, "[[say: answered.]]");
    api.wait_for_text(ANN, "answered.", LONG);
}

/// A world whose executable can be replaced while it runs; what it ran from at first is returned.
fn replaceable(world: &mut World) -> std::path::PathBuf {
    let installed = world.path("bin/agentlab");
    install(&world.program, &installed);
    std::mem::replace(&mut world.program, installed)
}

#[test]
fn whoever_falls_over_at_every_start_is_tried_at_growing_intervals_and_heals_when_the_cause_is_gone() {
    const SCALE: f64 = 0.1;
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), SCALE.to_string()));
    let real = replaceable(&mut world);
    let mut up = world.up();
    let posts = [Post { role: Role::Worker, slot: 2 }, Post { role: Role::Bot, slot: 0 }];
    // From now on these two crash as soon as they are started; each notes when.
    let (broken, script) = (world.path("broken"), world.path("release"));
    std::fs::write(&broken, "").unwrap();
    let text = format!(
        "#!/bin/sh\ncase \"$1 $3\" in 'worker 2') post=worker-2;; 'bot ') post=bot;; esac\n\
         if [ -n \"$post\" ] && [ -e {broken} ]; then\n\
         date +%s.%N >>{starts}-$post; echo 'broken on purpose' >&2; kill -SEGV $$; fi\n\
         exec {real} \"$@\"\n",
        broken = broken.display(),
        starts = world.path("starts").display(),
        real = real.display(),
    );
    write_script(&script, &text);
    install(&script, &world.program);
    let before = posts.map(|post| at(&world, post));
    for process in &before {
        kill_9(process.pid);
    }
    let starts = |post: Post| -> Vec<f64> {
        let text = std::fs::read_to_string(world.path(&format!("starts-{post}"))).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    wait_until("six starts of each", LONG, || posts.into_iter().all(|post| starts(post).len() >= 6));
    for post in posts {
        let gaps: Vec<f64> = starts(post).windows(2).map(|two| two[1] - two[0]).collect();
        eprintln!("{post}: between starts, unscaled: {:.1?} s", gaps.iter().map(|gap| gap / SCALE).collect::<Vec<_>>());
        for (gap, least) in gaps.iter().zip([2.0, 5.0, 10.0, 30.0, 30.0]) {
            let most = least * SCALE * 1.25 + 3.0;
            assert!((least * SCALE * 0.95..most).contains(gap), "{post}: {gaps:?}, at least {least} s apart, scaled");
        }
    }
    // The others serve meanwhile.
    let ended = world.run(&["ask", "[[say: the others work.]]"]);
    assert!(ended.stdout.starts_with("the others work."), "{ended:?}");
    up.wait_for_line("broken on purpose", LONG);
    std::fs::remove_file(&broken).unwrap();
    for (post, before) in posts.into_iter().zip(&before) {
        another_is_ready(&world, post, before);
    }
    api.user_says(ANN, ANN, "[[say: answered.]]");
    api.wait_for_text(ANN, "answered.", LONG);
    assert!(up.ended().is_none(), "the supervisor stayed");
}

#[test]
fn whoever_cannot_open_its_socket_is_healed_by_the_rung_reset() {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let mut up = world.up();
    let post = Post { role: Role::Worker, slot: 2 };
    let (before, socket) = (at(&world, post), Home::at(world.home()).unwrap().socket("worker-2"));
    std::fs::remove_file(&socket).unwrap();
    std::fs::create_dir(&socket).unwrap();
    std::fs::write(socket.join("somebody's"), "").unwrap();
    kill_9(before.pid);
    up.wait_for_line("worker-2", LONG);
    let ended = world.run(&["ask", "[[say: the others work.]]"]);
    assert!(ended.stdout.starts_with("the others work."), "{ended:?}");
    // The rung Reset moves it aside; what is in it stays somebody's.
    another_is_ready(&world, post, &before);
    let moved = std::fs::read_dir(world.home().join("run")).unwrap().filter_map(Result::ok);
    assert!(moved.into_iter().any(|entry| entry.path().join("somebody's").exists()), "nothing was deleted");
    assert_eq!(world.count("SELECT COUNT(*) FROM v_recoveries WHERE rung = 'reset' AND changed = 1"), 1);
    assert!(up.ended().is_none(), "the supervisor stayed");
}
