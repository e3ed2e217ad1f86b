//! Releases on trial whose processes are away: a supervisor that runs no code of ours, and a post that refuses to start.

use agentlab_platform::releases;
use agentlab_stand_ins::BotApi;

use super::{
    releases::{current, home, release, runs, update},
    releases_bad::{manager, told},
    restart::side_by_side,
};
use crate::world::{LONG, World, kill_9, wait_until};

#[test]
fn kept_by_a_service_manager_one_that_runs_no_code_of_ours_is_left_by_who_watches_its_supervisor() {
    for bad in ["exit 101", "exec sleep 600"] {
        let api = BotApi::start();
        let mut world = side_by_side(&api);
        assert_eq!(update(&world, &release(&world, "good", "")).code, Some(0));
        let good = current(&world);
        releases::trial::pass(&home(&world), &good).unwrap();
        world.program = manager(&world);
        let _manager = world.start(&[]);
        world.program = env!("CARGO_BIN_EXE_agentlab").into();
        wait_until("it is ready", LONG, || world.home().join("agentlab.db").exists() && runs(&world).len() == 6);
        let ended = update(&world, &release(&world, "bad", &format!("if [ \"$1\" = supervisor ]; then {bad}; fi")));
        let left = ended.stderr.contains("was left: on trial its supervisor did not come back");
        assert!(ended.code == Some(1) && left, "{bad}: {ended:?}");
        wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
        wait_until("the owner is told", LONG, || told(&api, "was left") == 1);
        assert_eq!(current(&world), good);
    }
}

#[test]
fn a_good_one_whose_console_refuses_for_what_somebody_else_holds_is_not_left_for_it() {
    let mut world = World::new();
    // Three minutes are nine seconds, and what refuses is tried again after three.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let up = world.up();
    let (held, starts) = (world.path("held"), world.path("starts"));
    let (held_at, starts_at) = (held.display(), starts.display());
    let what =
        format!("if [ \"$1\" = console ] && [ -e {held_at} ]; then echo refused >>{starts_at}; sleep 1; exit 69; fi");
    assert_eq!(update(&world, &release(&world, "new", &what)).code, Some(0));
    let new = current(&world);
    std::fs::write(&held, "").unwrap();
    kill_9(world.pid("console", 0));
    let refused = || std::fs::read_to_string(&starts).unwrap_or_default().lines().count();
    wait_until("it has refused for longer than a trial bears", LONG, || refused() >= 5);
    assert_eq!(current(&world), new);
    std::fs::remove_file(&held).unwrap();
    wait_until("the trial is over", LONG, || releases::trial::in_force(&home(&world)).is_none());
    let passed = releases::current(&home(&world)).unwrap();
    assert!(passed.name == new && passed.bad.is_none(), "{passed:?}");
    assert_eq!(up.stop().code, Some(0));
}
