//! The disk fails once, at the nth change, while a database that is damaged is restored: whoever opened it goes on with what was
//! restored, or says why not, and the next one on a sound disk restores it. All that was accepted is there again, once.

use std::{fs, path::Path};

use crate::world::{Disk, Fault, LONG, World, few_or_many, wait_until};

/// What is damaged.
const TORN: &str = "torn, and no database";

/// A home with one task in a backup, one in the journal behind it, and a database that is none.
fn ruined() -> World {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: before.]]"]).code, Some(0));
    world.wait_for_quiet();
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    assert_eq!(world.run(&["ask", "[[say: after.]]"]).code, Some(0));
    world.wait_for_quiet();
    ruin(&world);
    world
}

fn ruin(world: &World) {
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.home().join(format!("agentlab.db{end}")));
    }
    fs::write(world.home().join("agentlab.db"), TORN).unwrap();
}

/// Puts the folders and files of `from` into `to`.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&path, &target);
        } else if kind.is_file() {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Everything is there again, and what was damaged is kept.
fn is_restored(world: &World, told: &str) {
    for (number, word) in [("1", "before."), ("2", "after.")] {
        let job = world.run(&["job", number]);
        assert!(job.code == Some(0) && job.stdout.contains(word), "{told}: {job:?}");
    }
    let done = "SELECT (SELECT COUNT(*) FROM job WHERE state = 'done') * 100 + (SELECT COUNT(*) FROM run)";
    assert_eq!(world.count(done), 202, "{told}: each once");
    assert_eq!(world.sql("SELECT integrity_check FROM pragma_integrity_check")[0]["integrity_check"], "ok", "{told}");
    assert!(world.home().join("restored.json").exists(), "{told}");
    let aside = fs::read_dir(world.home().join("set-aside")).unwrap().flatten();
    let kept = aside.filter_map(|entry| fs::read_to_string(entry.path().join("agentlab.db")).ok());
    assert_eq!(kept.filter(|text| text == TORN).count(), 1, "{told}: it is never deleted");
    assert!(!world.home().join("run/condemned.json").exists(), "{told}");
}

/// `start` lets somebody open it, and answers whether that one went on.
fn swept(role: &str, next: impl Fn(u64) -> u64, start: impl Fn(&World, &str) -> bool) {
    let first = ruined();
    let (mut n, mut tried, mut refused) = (1, 0, 0);
    loop {
        let fault = Fault::ALL[usize::try_from(n).unwrap() % 3];
        let mut world = World::new();
        copy(&first.home(), &world.home());
        world.configure("[workers]\ncount = 1\n");
        let Some(disk) = Disk::under(&mut world, role) else { return };
        disk.fails(n, n, fault);
        let went_on = start(&world, &format!("{role}, {fault:?}, change {n}"));
        let failed = disk.failed();
        let told = format!("{role}, {fault:?}, change {n} ({}), went on {went_on}", disk.met());
        disk.mend();
        refused += usize::from(!went_on);
        wait_until(&format!("{told}: nothing is left over"), LONG, || world.living().is_empty());
        is_restored(&world, &told);
        assert_eq!(world.run(&["backup", "now"]).code, Some(0), "{told}");
        assert_eq!(world.run(&["backup", "verify"]).code, Some(0), "{told}");
        if failed == 0 {
            break;
        }
        tried += 1;
        n = next(n);
    }
    eprintln!("disk faults: restore by {role}: {tried} of {n} changes failed in turn, {refused} times it said no");
}

#[test]
fn a_verb_that_meets_a_damaged_database_restores_it_or_says_why_wherever_its_disk_fails() {
    let next = |n: u64| n + if few_or_many(0, 1) == 1 { 1 } else { 1 + n / 5 };
    swept("job", next, |world, told| {
        let ended = world.run(&["job", "2"]);
        let went_on = ended.code == Some(0);
        assert_eq!(went_on, ended.stdout.contains("after."), "{told}: {ended:?}");
        assert!(ended.code.is_some() && !ended.stderr.contains("panicked"), "{told}: {ended:?}");
        assert!(went_on || ended.stderr.contains("agentlab: "), "{told}: {ended:?}");
        went_on
    });
}

#[test]
fn a_system_that_starts_over_a_damaged_database_restores_it_or_says_why_wherever_its_disk_fails() {
    let next = |n: u64| n + if few_or_many(0, 1) == 1 { 1 } else { 2 + n };
    swept("up", next, |world, told| {
        let mut up = world.start(&["up"]);
        let is_ready = |output: String| output.contains("ready:");
        wait_until(&format!("{told}: ready, or over"), LONG, || up.ended().is_some() || is_ready(up.output()));
        if up.ended().is_none() {
            up.stop();
            return true;
        }
        let ended = up.end(LONG);
        assert!(ended.code != Some(0) && ended.stderr.contains("agentlab: "), "{told}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{told}: {ended:?}");
        false
    });
}
