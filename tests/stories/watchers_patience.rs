//! No false promises: whoever waits for somebody else's lock, for Telegram, or has much to do, is not late. A loop that is late
//! costs its process the life.

use std::time::{Duration, Instant};

use agentlab_domain::role::{self, Post, Role};
use agentlab_platform::{
    home::Home,
    pulse::{self, Beat},
};
use agentlab_stand_ins::{BotApi, bot_api::Fault};

use crate::world::{ANN, LONG, Look, World};

use super::locked::Foreign;

/// A world in which a writer loses its patience after 0.75 s, and no loop promises more than 11 s.
fn impatient(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    world
}

/// The pulses of all.
fn beats(world: &World) -> Vec<(Post, Beat)> {
    let home = Home::at(world.home()).unwrap();
    let posts = role::posts(3, true, true).into_iter().chain([Post { role: Role::Supervisor, slot: 0 }]);
    posts.filter_map(|post| Some((post, pulse::read(&home, post)?))).collect()
}

fn turns(world: &World, post: &str, name: &str) -> u64 {
    let beats = beats(world);
    beats.iter().find(|(at, _)| at.to_string() == post).map_or(0, |(_, beat)| beat.loops[name].turns)
}

/// Looks at all of them until the condition holds, `least` at least: none is late.
fn none_is_late_until(world: &World, least: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while started.elapsed() < least || !condition() {
        assert!(started.elapsed() < LONG, "waited in vain");
        for (post, beat) in beats(world) {
            assert_eq!(beat.latest(), None, "{post} after {:?}: {beat:?}", started.elapsed());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn none_is_late_while_a_stranger_keeps_the_database_locked_for_long() {
    let api = BotApi::start();
    let world = impatient(&api);
    let _up = world.up();
    let pids = ["bot", "console"].map(|role| world.pid(role, 0));
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[sleep: 20]] [[say: first.]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    let foreign = Foreign::lock(&world);
    api.user_says(ANN, ANN, "/status");
    let stored = turns(&world, "bot", "polls");
    let followed: u64 = (1..=3).map(|slot| follow(&world, slot)).sum();
    // Longer than anybody promises anything.
    none_is_late_until(&world, Duration::from_secs(13), || true);
    assert!(turns(&world, "bot", "polls") > stored + 3, "it tried again and again");
    assert!((1..=3).map(|slot| follow(&world, slot)).sum::<u64>() > followed + 3, "and so did who follows the run");
    drop(foreign);
    none_is_late_until(&world, Duration::ZERO, || api.transcript(ANN).contains("first."));
    assert_eq!(["bot", "console"].map(|role| world.pid(role, 0)), pids, "nobody was ended for it");
}

fn follow(world: &World, slot: u32) -> u64 {
    let beats = beats(world);
    let beat = beats.iter().find(|(at, _)| *at == Post { role: Role::Worker, slot });
    beat.and_then(|(_, beat)| beat.loops.get("follow")).map_or(0, |follow| follow.turns)
}

#[test]
fn none_is_late_while_telegram_hangs_fails_or_asks_for_patience() {
    let api = BotApi::start();
    let world = impatient(&api);
    let _up = world.up();
    let polls = || api.requests().iter().filter(|request| request.method == "getUpdates").count();
    for fault in [Fault::Hang, Fault::Server(502), Fault::Hang, Fault::Server(500)] {
        api.fail_next("getUpdates", fault, 1);
    }
    for fault in [Fault::Hang, Fault::Server(502), Fault::TooManyRequests { retry_after: 4 }] {
        api.fail_next("sendMessage", fault, 1);
    }
    // Longer than the shortest limit.
    api.fail_next("getUpdates", Fault::TooManyRequests { retry_after: 8 }, 1);
    api.user_says(ANN, ANN, "[[say: patient.]]");
    let before = polls();
    none_is_late_until(&world, Duration::from_secs(10), || {
        polls() > before + 6 && api.transcript(ANN).contains("patient.")
    });
}

#[test]
fn none_is_late_while_there_is_much_to_read_and_a_long_answer_to_be_told() {
    let api = BotApi::start();
    let world = impatient(&api);
    let _up = world.up();
    let look = Look::into(&world);
    // Read by the worker in pieces, and ended in a failure: it is one line, and longer than any event.
    api.user_says(ANN, ANN, "[[noise: 200000000]]");
    none_is_late_until(&world, Duration::ZERO, || look.count("SELECT COUNT(*) FROM job WHERE ended_at > 0") == 1);
    api.user_says(ANN, ANN, "[[long: 2000000]]");
    none_is_late_until(&world, Duration::ZERO, || look.count("SELECT COUNT(*) FROM job WHERE ended_at > 0") == 2);
    assert!(look.count("SELECT COUNT(*) FROM outbox WHERE kind = 'part'") > 10);
}
