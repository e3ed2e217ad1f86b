//! A database that is gone, with nothing left to restore it from: nobody begins anew over it, nothing is accepted into a file
//! that nobody finds again, and each says the way out.

use std::{fs, path::PathBuf};

use super::console::socket;
use crate::world::{LONG, World, wait_until};

const FILES: [&str; 3] = ["agentlab.db", "agentlab.db-wal", "agentlab.db-shm"];

fn take_away(world: &World) -> PathBuf {
    let away = world.path("away");
    fs::create_dir_all(&away).unwrap();
    for name in FILES {
        let _ = fs::rename(world.home().join(name), away.join(name));
    }
    away
}

fn put_back(world: &World) {
    for name in FILES {
        let _ = fs::rename(world.path("away").join(name), world.home().join(name));
    }
}

#[test]
fn no_verb_begins_anew_over_it_and_each_names_the_way_out() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    world.wait_for_quiet();
    take_away(&world);
    fs::remove_file(world.home().join("intake.jsonl")).unwrap();
    let verbs: [&[&str]; 11] = [
        &["status"],
        &["jobs"],
        &["job", "1"],
        &["cancel", "1"],
        &["sql", "SELECT 1"],
        &["pause"],
        &["backup", "now"],
        &["ask", "--no-wait", "[[say: lost]]"],
        &["ask", "[[say: lost]]"],
        &["up"],
        &["doctor"],
    ];
    for verb in verbs {
        let ended = world.run(verb);
        assert!(ended.code == Some(69) || (verb == ["doctor"] && ended.code == Some(1)), "{verb:?}: {ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("is gone") && said.contains("Put it back"), "{verb:?}: {said}");
        assert!(!world.home().join("agentlab.db").exists(), "{verb:?} began anew");
    }
    // The way out.
    put_back(&world);
    let job = world.run(&["job", "1"]);
    assert!(job.code == Some(0) && job.stdout.contains("kept"), "{job:?}");
}

#[test]
fn a_running_system_says_so_accepts_nothing_and_goes_on_when_it_is_back() {
    let world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    fs::remove_file(world.home().join("intake.jsonl")).unwrap();
    take_away(&world);
    // Everybody starts again, and nobody can.
    assert_eq!(world.run(&["ask", "--no-wait", "[[say: lost]]"]).code, Some(69));
    wait_until("nobody is ready any more", LONG, || world.run(&["status"]).code == Some(69));
    let ended = up.end(LONG);
    assert!(ended.code == Some(69) && ended.stderr.contains("is gone"), "{ended:?}");
    put_back(&world);
    let _up = world.up();
    assert_eq!(world.run(&["ask", "[[say: after]]"]).code, Some(0));
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 2);
}

#[test]
fn a_journal_that_cannot_be_written_is_told_everywhere_and_all_goes_on_when_it_can() {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    let (journal, away) = (world.home().join("intake.jsonl"), world.path("away"));
    fs::rename(&journal, &away).unwrap();
    fs::create_dir(&journal).unwrap();
    let asked = world.run(&["ask", "[[say: not taken]]"]);
    assert!(asked.code == Some(69) && asked.stderr.contains("move it away"), "{asked:?}");
    let health = || socket(&world, "GET", "/health", None).1;
    wait_until("it is told", LONG, || health()["database"]["state"] == "cannot be written");
    assert_eq!(health()["status"], "unavailable");
    wait_until("the owner is told", LONG, || world.run(&["alerts"]).stdout.contains("nothing can be accepted"));
    let doctor = world.run(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("move it away"), "{doctor:?}");
    fs::remove_dir(&journal).unwrap();
    fs::rename(&away, &journal).unwrap();
    assert_eq!(world.run(&["ask", "[[say: after]]"]).code, Some(0));
    wait_until("it is well again", LONG, || health()["database"]["state"] == "ok");
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 2);
    assert_eq!(up.stop().code, Some(0));
}
