//! A disk without room: the home on a tmpfs of its own that has 300 KiB left once the system is ready, filled by the tasks
//! themselves. A home with an empty database, its journal and logs takes more than 300 KiB (it is measured and printed), so the
//! room is what is left beside that. Needs a mount namespace.
//!
//! While there is no room nothing that was accepted is lost, and it is said; when there is room again everything goes on
//! without anybody starting anything.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, DISK_PERCENT, LONG, Look, World, wait_until};

/// Set for the copy of this test that runs inside the namespace.
const INSIDE: &str = "AGENTLAB_TEST_INSIDE";
const STORY: &str = "stories::disk_full::tasks_that_fill_the_disk_are_all_answered_when_there_is_room_again";
/// KiB.
const ROOM: u64 = 300;

#[test]
fn tasks_that_fill_the_disk_are_all_answered_when_there_is_room_again() {
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
    let mut story = Command::new("unshare");
    story.arg("-m").arg(std::env::current_exe().unwrap()).args(["--exact", "--nocapture", STORY]).env(INSIDE, "1");
    let told = story.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && said.contains("1 passed"), "{said}");
    said.lines().filter(|line| line.starts_with("disk full: ")).for_each(|line| eprintln!("{line}"));
}

fn mount(options: &str, home: &Path) {
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
    assert!(said.contains("disk is full"), "{said}");
    said
}

fn inside() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.retain(|(name, _)| name != DISK_PERCENT);
    mount("size=64m", &world.home());
    // The file of before lies under the mount.
    world.configure("[workers]\ncount = 2\n[rate]\nper_minute = 1000\nper_hour = 1000\n");
    let up = world.up();
    let empty = used(&world.home());
    mount(&format!("remount,size={}k", empty + ROOM), &world.home());
    let answers = |n: usize| api.messages(ANN).iter().filter(|m| m.text.contains(&format!("answer-{n}."))).count();
    let full = || used(&world.home()) + 4 >= empty + ROOM;
    let (began, mut given) = (Instant::now(), 0);
    // Until there is no room, and then some more.
    let mut after = 0;
    while after < 5 {
        assert!(began.elapsed() < LONG * 2, "the disk was never full");
        api.user_says(ANN, ANN, &format!("[[say: answer-{given}.]] {}", "word ".repeat(600)));
        let limit = if full() { Duration::from_millis(200) } else { Duration::from_secs(3) };
        let at = Instant::now();
        while answers(given) == 0 && at.elapsed() < limit {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        given += 1;
        after += usize::from(full());
    }
    let answered = (0..given).filter(|n| answers(*n) > 0).count();
    // The owner hears of it by a road that needs no disk, and whoever asks in a terminal too.
    api.wait_for_text(ANN, "disk", LONG);
    let said = no_room(&world);
    mount("remount,size=64m", &world.home());
    let look = Look::into(&world);
    wait_until("every message is answered", LONG * 2, || {
        (0..given).all(|n| answers(n) > 0) && look.count("SELECT COUNT(*) FROM v_owed") == 0
    });
    for n in 0..given {
        assert_eq!(answers(n), 1, "{n}: {}", api.transcript(ANN));
    }
    eprintln!(
        "disk full: empty home {empty} KiB, {ROOM} KiB of room, {given} tasks, {answered} answered before there was room again"
    );
    eprintln!("disk full: the terminal: {said}");
    assert_eq!(look.count("SELECT COUNT(*) FROM job WHERE state <> 'done'"), 0);
    assert_eq!(look.rows::<(String,)>("PRAGMA integrity_check"), [("ok".to_owned(),)]);
    up.stop();
    wait_until("nothing is left over", LONG, || world.living().is_empty());
}
