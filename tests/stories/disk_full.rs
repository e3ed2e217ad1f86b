//! A disk without room: the home on a tmpfs of its own that has 300 KiB left once the system is ready, filled by the tasks
//! themselves. A home with an empty database, its index and logs takes more than 300 KiB (it is measured and printed), so the
//! room is what is left beside that. Needs a mount namespace.
//!
//! Several tasks are answered in it. Then nothing that was accepted is lost, what comes is refused with the reason or taken later, and it is
//! said everywhere; when there is room again everything goes on without anybody starting anything.

use std::{
    fs,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use agentlab_stand_ins::BotApi;
use serde_json::Value;

use super::console;
use crate::world::{ANN, DISK_PERCENT, LONG, Look, World, wait_until};

/// Set for the copy of this test that runs inside the namespace.
const INSIDE: &str = "AGENTLAB_TEST_INSIDE";
const STORY: &str = "stories::disk_full::tasks_that_fill_the_disk_are_all_answered_when_there_is_room_again";
/// KiB.
const ROOM: u64 = 300;

#[test]
fn tasks_that_fill_the_disk_are_all_answered_when_there_is_room_again() {
    with_mounts(STORY, inside);
}

/// Runs it where it may mount: as this story, alone, in a mount namespace of its own.
pub(super) fn with_mounts(story: &str, inside: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        inside();
        return;
    }
    let mut may = Command::new("unshare");
    may.args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !may.output().is_ok_and(|tried| tried.status.success()) {
        let words = "a mount namespace with a tmpfs is not permitted here";
        assert!(std::env::var_os("AGENTLAB_REQUIRE_REAL").is_none(), "{words}");
        eprintln!("skipped: {words}");
        return;
    }
    let mut alone = Command::new("unshare");
    alone.arg("-m").arg(std::env::current_exe().unwrap()).args(["--exact", "--nocapture", story]).env(INSIDE, "1");
    let told = alone.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && said.contains("1 passed"), "{said}");
    said.lines().filter(|line| line.starts_with("disk full: ")).for_each(|line| eprintln!("{line}"));
}

pub(super) fn mount(options: &str, home: &Path) {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(home).output().unwrap();
    assert!(mounted.status.success(), "{mounted:?}");
}

/// What is used of the disk, in KiB.
fn used(home: &Path) -> u64 {
    let disk = nix::sys::statvfs::statvfs(home).unwrap();
    (disk.blocks() - disk.blocks_free()) * disk.fragment_size() / 1024
}

/// What `ask` says, which waits for nobody.
fn no_room(world: &World) -> String {
    let mut said = String::new();
    wait_until("the terminal says that there is no room", LONG, || {
        let ended = world.run(&["ask", "--no-wait", "[[say: from a terminal]]"]);
        said = ended.stderr;
        ended.code != Some(0)
    });
    assert!(said.contains("disk is full") || said.contains("is nearly full"), "{said}");
    said
}

/// Somebody else takes what is left.
pub(super) fn fill(world: &World) {
    let path = world.home().join("workspace/somebody-elses");
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

fn health(world: &World) -> Value {
    console::socket(world, "GET", "/health", None).1
}

fn inside() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.retain(|(name, _)| name != DISK_PERCENT);
    mount("size=64m", &world.home());
    // The file of before lies under the mount.
    world.configure("[workers]\ncount = 2\n[rate]\nper_minute = 1000\nper_hour = 1000\n");
    let up = world.up();
    // What it grew to while the database was made is no part of what tasks take.
    world.empty_the_wal();
    let empty = used(&world.home());
    mount(&format!("remount,size={}k", empty + ROOM), &world.home());
    // One that was accepted while there was room, and ends while there is none.
    api.user_says(-1, ANN, "[[sleep: 12]] [[say: through it.]]");
    let answers = |n: usize| api.messages(ANN).iter().filter(|m| m.text.contains(&format!("answer-{n}."))).count();
    let refused = || api.messages(ANN).iter().filter(|m| m.text.contains("This one was not taken")).count();
    let is_low = || refused() > 0 || health(&world)["disk"]["state"] == "low";
    let (mut given, mut before) = (0, 0);
    // Until there is no room, and then some more.
    while before == 0 || given < before + 5 {
        assert!(given < 100, "the disk was never full");
        api.user_says(ANN, ANN, &format!("[[say: answer-{given}.]]"));
        let at = Instant::now();
        while before == 0 && answers(given) == 0 && !is_low() {
            assert!(at.elapsed() < LONG, "neither answered nor full: {} of {} KiB", used(&world.home()), empty + ROOM);
            std::thread::park_timeout(Duration::from_millis(200));
        }
        given += 1;
        if before == 0 && is_low() {
            before = given;
            fill(&world);
        }
    }
    let answered = (0..given).filter(|n| answers(*n) > 0).count();
    assert!(answered >= 1, "{answered} answered with {ROOM} KiB: {}", api.transcript(ANN));
    // The owner hears of it by a road that needs no disk, and whoever asks in a terminal or of the health too.
    api.wait_for_text(ANN, "agentlab: the disk of the home is", LONG);
    let said = no_room(&world);
    let told = health(&world);
    assert!(told["disk"]["state"] == "low" && told["status"] == "degraded", "{told}");
    assert!(told["disk"]["free"].as_u64() < told["disk"]["floor"].as_u64(), "{told}");
    mount("remount,size=64m", &world.home());
    let look = Look::into(&world);
    wait_until("every message is answered, or was refused with the reason", LONG * 2, || {
        (0..given).filter(|n| answers(*n) > 0).count() + refused() == given
            && look.count("SELECT COUNT(*) FROM v_owed") == 0
            && look.count("SELECT COUNT(*) FROM job WHERE state <> 'done'") == 0
    });
    api.wait_for_text(-1, "through it.", LONG);
    let taken = (0..given).filter(|n| answers(*n) > 0).count();
    assert!((0..given).all(|n| answers(n) <= 1), "{}", api.transcript(ANN));
    assert_eq!(look.count("SELECT COUNT(*) FROM job"), i64::try_from(taken + 1).unwrap(), "{}", api.transcript(ANN));
    wait_until("health says that there is room", LONG, || health(&world)["disk"]["state"] == "ok");
    // New work is taken by itself.
    api.user_says(ANN, ANN, "[[say: there is room.]]");
    api.wait_for_text(ANN, "there is room.", LONG);
    eprintln!(
        "disk full: empty home {empty} KiB, {ROOM} KiB of room, {given} tasks given, {answered} answered before there was room again, {} refused",
        given - taken
    );
    eprintln!("disk full: the terminal: {said}");
    assert_eq!(look.rows::<(String,)>("PRAGMA integrity_check"), [("ok".to_owned(),)]);
    up.stop();
    wait_until("nothing is left over", LONG, || world.living().is_empty());
}
