//! Bad releases: whatever is wrong with one, everything runs from the earlier one again without a person, the owner is told once,
//! and running tasks notice nothing.

use agentlab_platform::releases;
use agentlab_stand_ins::BotApi;

use super::{
    releases::{answered_once, current, home, release, runs, three_tasks, update},
    restart::side_by_side,
};
use crate::world::{ANN, LONG, World, wait_until};

fn told(api: &BotApi, needle: &str) -> usize {
    api.messages(ANN).iter().filter(|message| message.text.contains(needle)).count()
}

/// Updates to a bad release while three tasks run; all is as before afterwards, and the owner was told once.
fn is_left(world: &World, api: &BotApi, name: &str, what: &str) {
    let _up = world.up();
    assert_eq!(update(world, &release(world, "good", "")).code, Some(0));
    let good = current(world);
    let chats = three_tasks(api, 20);
    let bad = release(world, name, what);
    let ended = update(world, &bad);
    wait_until("it is left", LONG, || current(world) == good);
    wait_until("everything runs from the earlier one", LONG, || runs(world) == vec![good.clone(); 6]);
    eprintln!("{name}: {ended:?}");
    answered_once(world, api, chats);
    wait_until("the owner is told", LONG, || told(api, "was left") == 1);
    let left = releases::all(&home(world)).into_iter().filter_map(|release| release.bad).collect::<Vec<_>>();
    assert!(left.len() == 1 && left[0].by_itself && left[0].returned_to == good, "{left:?}");
    // The same one again: a person has to insist.
    let again = update(world, &bad);
    assert!(again.code == Some(1) && again.stderr.contains("--again"), "{again:?}");
    api.user_says(ANN, ANN, "[[say: works on.]]");
    api.wait_for_text(ANN, "works on.", LONG);
    assert_eq!((current(world), told(api, "was left")), (good, 1));
}

#[test]
fn one_whose_bot_crashes_at_its_start_is_left() {
    let api = BotApi::start();
    is_left(&side_by_side(&api), &api, "bad", "if [ \"$1\" = bot ]; then echo 'panicked: no bot' >&2; exit 101; fi");
}

#[test]
fn one_whose_workers_crash_at_their_start_is_left() {
    let api = BotApi::start();
    is_left(&side_by_side(&api), &api, "bad", "if [ \"$1\" = worker ]; then exit 101; fi");
}

#[test]
fn one_whose_supervisor_crashes_at_its_start_is_left() {
    let api = BotApi::start();
    is_left(&side_by_side(&api), &api, "bad", "if [ \"$1\" = up ]; then echo 'panicked: not up' >&2; exit 101; fi");
}
