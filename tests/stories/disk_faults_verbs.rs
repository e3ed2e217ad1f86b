//! The disk of `backup now` and of `export` fails once, at the nth change that it makes, for n = 1, 2, ... until none fails: each ends
//! with what it was asked for, or with words and without it. What has the name of a backup can be restored, what has that of an
//! export is whole, and nothing else suffers by it.

use std::fs;

use serde_json::Value;

use super::moving_faults::sha256;
use crate::world::{Disk, Ended, Fault, World, few_or_many};

/// The next n: every one, or ever fewer of them.
fn next(n: u64) -> u64 {
    n + if few_or_many(0, 1) == 1 { 1 } else { 1 + n / 3 }
}

/// A home that has worked, and rests.
fn worked() -> World {
    let mut world = World::new();
    world.configure("[backup]\nkeep = 2\n");
    for word in ["one", "two"] {
        assert_eq!(world.run(&["ask", &format!("[[say: {word}]]")]).code, Some(0));
    }
    world.wait_for_quiet();
    world
}

/// Words for the person who reads them, where it did not do what was asked.
fn said_why(ended: &Ended) -> bool {
    ended.code.is_some() && ended.stderr.contains("agentlab: ") && !ended.stderr.contains("panicked")
}

fn listed(world: &World) -> Vec<Value> {
    let listed = world.run(&["--json", "backup", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    serde_json::from_str(&listed.stdout).unwrap()
}

/// Names in a folder that are not in their place.
fn halves(world: &World, folder: &str) -> usize {
    let entries = fs::read_dir(world.home().join(folder)).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".new-")).count()
}

#[test]
fn what_has_the_name_of_a_backup_can_be_restored_wherever_its_disk_failed() {
    for fault in Fault::ALL {
        backed_up(fault);
    }
}

fn backed_up(fault: Fault) {
    let mut world = worked();
    let Some(disk) = Disk::under(&mut world, "backup") else { return };
    disk.mend();
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    let (mut n, mut tried, mut refused) = (1, 0, 0);
    loop {
        let before = listed(&world)[0]["number"].as_u64().unwrap();
        disk.fails(n, n, fault);
        let ended = world.run(&["backup", "now"]);
        let failed = disk.failed();
        let told = format!("{fault:?}, change {n} ({}): {ended:?}", disk.met());
        disk.mend();
        let after = listed(&world);
        assert!(after.iter().all(|backup| backup["bad"].is_null() && backup["rows"]["job"] == 2), "{told}: {after:?}");
        // One whose folder could not be synced, nor removed again, stays until the next.
        assert!((1..=4).contains(&after.len()), "{told}: {after:?}");
        if ended.code == Some(0) {
            assert_eq!(after[0]["number"].as_u64().unwrap(), before + 1, "{told}");
            assert!(ended.stdout.contains("2 tasks") && ended.stdout.contains("found sound"), "{told}");
        } else {
            refused += 1;
            assert!(said_why(&ended) && ended.stdout.is_empty(), "{told}");
            // What was there before counts as it did.
            assert!(after.iter().any(|backup| backup["number"].as_u64() == Some(before)), "{told}");
        }
        let verified = world.run(&["backup", "verify"]);
        assert_eq!(verified.code, Some(0), "{told}: {verified:?}");
        assert!(halves(&world, "backups") <= 1, "{told}");
        if failed == 0 {
            break;
        }
        tried += 1;
        n = next(n);
    }
    eprintln!("disk faults: backup now, {fault:?}: {tried} of {n} changes failed in turn, {refused} times it said no");
    assert_eq!((halves(&world, "backups"), listed(&world).len()), (0, 2), "nothing is left for ever");
    assert_eq!(world.sql("SELECT integrity_check FROM pragma_integrity_check")[0]["integrity_check"], "ok");
    // The newest one serves, and the journal leads on from it.
    assert_eq!(world.run(&["ask", "[[say: three]]"]).code, Some(0));
    world.wait_for_quiet();
    fs::write(world.home().join("agentlab.db"), "torn").unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 3);
}

#[test]
fn what_has_the_name_of_an_export_is_whole_wherever_its_disk_failed() {
    for fault in Fault::ALL {
        exported(fault);
    }
}

fn exported(fault: Fault) {
    let mut world = worked();
    let Some(disk) = Disk::under(&mut world, "export") else { return };
    let (mut n, mut tried, mut refused) = (1, 0, 0);
    loop {
        let file = world.home().join(format!("moved-{n}.jsonl"));
        disk.fails(n, n, fault);
        let ended = world.run(&["export", file.to_str().unwrap()]);
        let failed = disk.failed();
        let told = format!("{fault:?}, change {n} ({}): {ended:?}", disk.met());
        disk.mend();
        if ended.code != Some(0) {
            refused += 1;
            assert!(said_why(&ended), "{told}");
        }
        // One that is there all the same is whole.
        if ended.code == Some(0) || file.exists() {
            assert!(is_whole(&fs::read_to_string(&file).unwrap()), "{told}");
        }
        assert_eq!(halves(&world, ""), 0, "{told}");
        if failed == 0 {
            break;
        }
        tried += 1;
        n = next(n);
    }
    eprintln!("disk faults: export, {fault:?}: {tried} of {n} changes failed in turn, {refused} times it said no");
    assert_eq!(world.sql("SELECT integrity_check FROM pragma_integrity_check")[0]["integrity_check"], "ok");
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 2);
}

/// Whether the end is there, and is that of all the lines before it.
fn is_whole(export: &str) -> bool {
    let text = export.strip_suffix('\n').unwrap_or(export);
    let Some((before, end)) = text.rsplit_once('\n') else { return false };
    let before = format!("{before}\n");
    let end: Value = serde_json::from_str(end).unwrap_or_default();
    end["lines"] == before.lines().count() && end["sha256"] == sha256(&before) && before.contains("\"table\":\"job\"")
}
