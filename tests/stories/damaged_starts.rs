//! A database that is damaged, or taken away, at the moment in which a system starts over it while others have it open: nobody may look at
//! all of it then, and its first statements meet it. The start restores it and gets ready; it never ends over it.

use std::{fs, os::unix::fs::FileExt};

use agentlab_platform::{
    failpoints::PAUSE_AT,
    lock::{Lock, Mode},
};

use crate::world::{LONG, Look, World, few_or_many, wait_until};

const PAGE: usize = 4096;

/// What a supervisor meets as it enters, what it meets before its daemons are ready, and what these meet.
const FIRST: [&str; 5] = ["process", "hold", "recovery_by_time", "run_live_any_workspace", "Workers"];

/// A home that has worked, all of it in the database file.
fn worked() -> World {
    let world = World::new();
    for word in ["one", "two", "three"] {
        assert_eq!(world.run(&["ask", &format!("[[say: {word}]]")]).code, Some(0));
    }
    world.wait_for_quiet();
    world.empty_the_wal();
    world
}

/// Somebody who has it open: no start is alone with it.
fn open(world: &World) -> Lock {
    Lock::try_take(&world.home().join("run/db.lock"), Mode::Shared).unwrap().expect("nobody is alone with it")
}

#[test]
fn what_the_first_statements_of_a_start_meet_is_restored_and_it_gets_ready() {
    let world = worked();
    let all: Vec<(String,)> = Look::into(&world).rows("SELECT name FROM sqlite_schema WHERE rootpage > 1");
    let mut met = Vec::new();
    for (name,) in all.iter().filter(|(name,)| few_or_many(0, 1) == 1 || FIRST.contains(&name.as_str())) {
        // A database that was restored has them elsewhere.
        world.empty_the_wal();
        let roots: Vec<(String, i64)> = Look::into(&world).rows("SELECT name, rootpage FROM sqlite_schema");
        let (_, root) = roots.iter().find(|(of, _)| of == name).unwrap();
        let others = open(&world);
        let file = fs::File::options().write(true).open(world.home().join("agentlab.db")).unwrap();
        file.write_all_at(&[0xA5; PAGE], (root.cast_unsigned() - 1) * PAGE as u64).unwrap();
        let mut up = world.start(&["up"]);
        let condemned = || world.home().join("run/condemned.json").exists();
        wait_until("it is condemned, or nobody met it", LONG, || {
            condemned() || up.output().contains("ready:") || up.ended().is_some()
        });
        met.extend(condemned().then_some(name));
        drop(others);
        up.wait_for_line("ready:", LONG);
        assert_eq!(up.stop().code, Some(0), "{name}");
        // What nobody met is met by the next start, which is alone with it.
        assert_eq!(world.up().stop().code, Some(0), "{name}");
        assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 3, "{name}");
    }
    eprintln!("met by the first statements: {met:?}");
    assert!(met.len() >= FIRST.len(), "{met:?}");
}

#[test]
fn what_is_taken_away_between_opening_and_the_first_transaction_is_restored_and_it_gets_ready() {
    let mut world = worked();
    let marker = world.path("opened");
    world.env.push((PAUSE_AT.into(), format!("write-ticket:{}", marker.display())));
    let others = open(&world);
    let mut up = world.start(&["up"]);
    wait_until("it is about to begin", LONG, || marker.exists());
    for name in ["agentlab.db", "agentlab.db-wal", "agentlab.db-shm"] {
        let _ = fs::rename(world.home().join(name), world.path(name));
    }
    fs::remove_file(&marker).unwrap();
    drop(others);
    up.wait_for_line("ready:", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 3);
    assert!(world.home().join("restored.json").exists());
    assert_eq!(up.stop().code, Some(0));
}
