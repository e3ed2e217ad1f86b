//! A database that is lost while the disk is full: it cannot be restored before there is room again. The system waits for that and says
//! so, and goes on without anybody starting anything. Needs a mount namespace.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use super::disk_full::{fill, mount, with_mounts};
use crate::world::{DISK_PERCENT, LONG, World, wait_until};

const STORY: &str =
    "stories::disk_full_lost::a_database_that_is_lost_on_a_full_disk_is_restored_once_there_is_room_again";

#[test]
fn a_database_that_is_lost_on_a_full_disk_is_restored_once_there_is_room_again() {
    with_mounts(STORY, inside);
}

fn inside() {
    let mut world = World::new();
    world.env.retain(|(name, _)| name != DISK_PERCENT);
    mount("size=12m", &world.home());
    // The file of before lies under the mount.
    world.configure("[workers]\ncount = 1\n");
    let mut up = world.up();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 4]] [[say: through]]"]).code, Some(0));
    assert_eq!(world.run(&["ask", "--no-wait", "[[say: behind]]"]).code, Some(0));
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    for file in ["agentlab.db", "agentlab.db-wal", "agentlab.db-shm"] {
        fs::rename(world.home().join(file), world.path(file))
            .or_else(|_| fs::remove_file(world.home().join(file)))
            .unwrap();
    }
    // Also what the old file gives back once nobody has it open is taken by somebody else.
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fill(&world);
            }
        });
        wait_until("it says so, or ends", LONG, || up.output().contains("there is no room") || up.ended().is_some());
        over.store(true, Ordering::Relaxed);
    });
    let status = world.run(&["status"]);
    assert!(status.code != Some(0), "{status:?}");
    assert!(up.ended().is_none());
    fs::remove_file(world.home().join("workspace/somebody-elses")).unwrap();
    wait_until("all is done", LONG, || {
        world.home().join("agentlab.db").exists() && world.run(&["jobs", "--all"]).stdout.matches("done").count() == 3
    });
    assert_eq!(up.stop().code, Some(0));
}
