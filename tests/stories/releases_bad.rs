//! Bad releases: whatever is wrong with one, everything runs from the earlier one again without a person, the owner is told once,
//! and running tasks notice nothing.

use agentlab_platform::releases;
use agentlab_stand_ins::BotApi;

use super::{
    releases::{answered_once, current, home, release, runs, three_tasks, update},
    restart::side_by_side,
};
use crate::world::{ANN, LONG, World, kill_9, wait_until, write_script};

pub(super) fn told(api: &BotApi, needle: &str) -> usize {
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

#[test]
fn one_whose_bot_hangs_whenever_a_message_comes_is_left() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    // Each start hangs anew.
    let hangs = "if [ \"$1\" = bot ]; then export AGENTLAB_TEST_BLOCK_AT=intake-begin:$dir/hangs.$$; fi";
    let _up = world.up();
    let good = kept(&world);
    let chats = three_tasks(&api, 20);
    assert_eq!(update(&world, &release(&world, "bad", hangs)).code, Some(0), "it starts well");
    assert_ne!(current(&world), good);
    api.user_says(ANN, ANN, "[[say: heard at last.]]");
    wait_until("it is left", LONG, || current(&world) == good);
    api.wait_for_text(ANN, "heard at last.", LONG);
    wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
    answered_once(&world, &api, chats);
    wait_until("the owner is told", LONG, || told(&api, "was left") == 1);
}

/// Updates to a good release first; its name.
fn kept(world: &World) -> String {
    assert_eq!(update(world, &release(world, "good", "")).code, Some(0));
    current(world)
}

#[test]
fn one_whose_supervisor_hangs_is_ended_by_who_stands_by_and_left() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let mut up = world.up();
    let good = kept(&world);
    let chats = three_tasks(&api, 30);
    let hangs = "if [ \"$1\" = up ]; then export AGENTLAB_TEST_BLOCK_AT=keeper-pass:$dir/hangs.$$; fi";
    let ended = update(&world, &release(&world, "bad", hangs));
    assert!(ended.code == Some(1) && ended.stderr.contains("was left: on trial its supervisor"), "{ended:?}");
    assert_eq!(current(&world), good);
    up.wait_for_line("its loop", LONG);
    wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
    answered_once(&world, &api, chats);
    wait_until("the owner is told", LONG, || told(&api, "was left") == 1);
    assert_eq!(up.stop().code, Some(0));
    wait_until("nobody is left behind", LONG, || world.living().is_empty());
}

#[test]
fn one_that_fails_only_after_five_minutes_and_again_and_again_is_left() {
    let api = BotApi::start();
    let mut world = side_by_side(&api);
    // Five minutes are eighteen seconds, and the trial would last for thirty-six.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.06".into()));
    let up = world.up();
    let good = kept(&world);
    let late = "if [ \"$*\" = 'worker --slot 1' ]; then ( sleep 18; kill -ABRT $$ ) & fi";
    assert_eq!(update(&world, &release(&world, "bad", late)).code, Some(0));
    let bad = current(&world);
    let chats = three_tasks(&api, 60);
    wait_until("it is left", LONG * 3, || current(&world) == good);
    wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
    let why = releases::read(&home(&world), &bad).unwrap().bad.unwrap().why;
    assert!(why.contains("worker-1: signal: 6 (SIGABRT)"), "{why}");
    answered_once(&world, &api, chats);
    wait_until("the owner is told", LONG, || told(&api, "was left") == 1);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_good_one_that_somebody_kills_again_and_again_passes_its_trial() {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let up = world.up();
    assert_eq!(update(&world, &release(&world, "new", "")).code, Some(0));
    let new = current(&world);
    for (role, slot) in
        [("worker", 1), ("supervisor", 0), ("console", 0), ("worker", 1), ("supervisor", 0), ("worker", 1)]
    {
        let old = world.pid(role, slot);
        assert_ne!(old, up.pid(), "the earlier release stands behind it");
        kill_9(old);
        wait_until("another is ready", LONG, || {
            let ready =
                format!("SELECT COUNT(*) FROM process WHERE role = '{role}' AND slot = {slot} AND ready_at > 0");
            world.count(&format!("{ready} AND pid <> {old}")) == 1
        });
    }
    wait_until("the trial is over", LONG, || releases::trial::in_force(&home(&world)).is_none());
    let passed = releases::current(&home(&world)).unwrap();
    assert!(passed.name == new && passed.healthy_at.is_some() && passed.bad.is_none(), "{passed:?}");
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn where_the_old_one_is_bad_too_nothing_takes_turns() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let _up = world.up();
    let broken = world.path("broken");
    let old =
        release(&world, "old", &format!("if [ \"$1\" = console ] && [ -e {} ]; then exit 101; fi", broken.display()));
    assert_eq!(update(&world, &old).code, Some(0));
    let old = current(&world);
    releases::trial::pass(&home(&world), &old).unwrap();
    let switches = Switches::watch(&world);
    std::fs::write(&broken, "").unwrap();
    let ended = update(&world, &release(&world, "bad", "if [ \"$1\" = console ]; then exit 102; fi"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    wait_until("the owner has a diagnosis of the old one", LONG, || told(&api, "console does not start") == 1);
    let rungs = || world.count("SELECT COUNT(*) FROM v_recoveries WHERE rung = 'capped'");
    wait_until("it has its row", LONG, || rungs() == 1);
    assert_eq!(switches.end().len(), 2, "there and back");
    assert_eq!((current(&world), told(&api, "was left")), (old, 1));
    // Healed when what was wrong is gone.
    std::fs::remove_file(&broken).unwrap();
    wait_until("all is ready", LONG, || runs(&world).len() == 6);
    api.user_says(ANN, ANN, "[[say: works on.]]");
    api.wait_for_text(ANN, "works on.", LONG);
}

/// Notes each release that is put in place.
struct Switches(std::thread::JoinHandle<Vec<String>>, std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Switches {
    fn watch(world: &World) -> Self {
        let home = home(world);
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ends = std::sync::Arc::clone(&over);
        let mut last = current(world);
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                let now = releases::current(&home).unwrap().name;
                if now != last {
                    seen.push(now.clone());
                    last = now;
                }
                std::thread::park_timeout(std::time::Duration::from_millis(2));
            }
            seen
        });
        Self(thread, over)
    }

    fn end(self) -> Vec<String> {
        self.1.store(true, std::sync::atomic::Ordering::Relaxed);
        self.0.join().unwrap()
    }
}

/// A service manager: starts the supervisor again whenever it ends otherwise than well, as its own process.
pub(super) fn manager(world: &World) -> std::path::PathBuf {
    let path = world.path("bin/manager");
    let current = world.home().join("releases/current/agentlab");
    let text = format!(
        "#!/bin/sh\nwhile true; do\n\
         INVOCATION_ID=1 sh -c 'SYSTEMD_EXEC_PID=$$ exec {} supervisor' && exit 0\nsleep 0.2\ndone\n",
        current.display()
    );
    write_script(&path, &text);
    path
}

#[test]
fn kept_by_a_service_manager_one_that_never_gets_ready_goes_back_at_its_third_start() {
    let api = BotApi::start();
    let mut world = side_by_side(&api);
    assert_eq!(update(&world, &release(&world, "good", "")).code, Some(0));
    let good = current(&world);
    releases::trial::pass(&home(&world), &good).unwrap();
    let breaks = "echo \"$1\" >>$dir/starts\n\
                  if [ \"$1\" = supervisor ]; then export AGENTLAB_TEST_KILL_AT=keeper-pass:$dir/breaks.$$; fi";
    world.program = manager(&world);
    let _manager = world.start(&[]);
    world.program = env!("CARGO_BIN_EXE_agentlab").into();
    wait_until("it is ready", LONG, || world.home().join("agentlab.db").exists() && runs(&world).len() == 6);
    let ended = update(&world, &release(&world, "bad", breaks));
    assert!(ended.code == Some(1) && ended.stderr.contains("started 2 times and did not get ready"), "{ended:?}");
    wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
    wait_until("the owner is told", LONG, || told(&api, "was left") == 1);
    let bad = releases::all(&home(&world)).into_iter().find(|release| release.bad.is_some()).unwrap();
    let starts = std::fs::read_to_string(world.home().join("releases").join(bad.name).join("starts")).unwrap();
    assert_eq!(starts.lines().filter(|role| *role == "supervisor").count(), 3, "{starts}");
}

#[test]
fn one_that_had_proved_itself_is_left_only_when_it_is_suspect_and_that_is_allowed() {
    for allowed in [false, true] {
        let api = BotApi::start();
        let mut world = side_by_side(&api);
        world.configure(&format!("[recovery]\nauto_revert = {allowed}\n"));
        let _up = world.up();
        let good = kept(&world);
        let broken = world.path("broken");
        let what = format!("if [ \"$1\" = console ] && [ -e {} ]; then exit 101; fi", broken.display());
        assert_eq!(update(&world, &release(&world, "old", &what)).code, Some(0));
        let old = current(&world);
        releases::trial::pass(&home(&world), &old).unwrap();
        releases::healthy(&home(&world), &good).unwrap();
        std::fs::write(&broken, "").unwrap();
        kill_9(world.pid("console", 0));
        if allowed {
            wait_until("it is left", LONG, || current(&world) == good);
            wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
            wait_until("it has its row", LONG, || {
                world.count("SELECT COUNT(*) FROM v_recoveries WHERE rung = 'release' AND changed = 1") == 1
            });
        } else {
            wait_until("the owner hears of the suspicion", LONG, || told(&api, "is suspect") == 1);
            wait_until("and gets a diagnosis", LONG, || told(&api, "console does not start") == 1);
            let crashes = || world.count("SELECT COUNT(*) FROM crash WHERE kind = 'crash' AND role = 'console'");
            wait_until("it goes on failing", LONG, || crashes() >= 5);
            assert_eq!(current(&world), old);
        }
    }
}
