//! A database that is gone: nobody begins anew over it, nothing is accepted into a file that nobody finds again, and each says the
//! way out.

use std::{fs, path::PathBuf};

use serde_json::json;

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
fn no_verb_begins_anew_over_it_and_each_names_the_newest_backup() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    world.wait_for_quiet();
    take_away(&world);
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
        assert!(said.contains("is gone") && said.contains("backups/000001-"), "{verb:?}: {said}");
        assert!(!world.home().join("agentlab.db").exists(), "{verb:?} began anew");
    }
    // The way out.
    let backup = fs::read_dir(world.home().join("backups")).unwrap().next().unwrap().unwrap().path();
    fs::copy(backup.join("agentlab.db"), world.home().join("agentlab.db")).unwrap();
    let job = world.run(&["job", "1"]);
    assert!(job.code == Some(0) && job.stdout.contains("kept"), "{job:?}");
}

#[test]
fn a_running_system_says_so_accepts_nothing_and_goes_on_when_it_is_back() {
    let world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    take_away(&world);
    let (code, health) = socket(&world, "GET", "/health", None);
    assert_eq!((code, health["database"]["state"].as_str()), (503, Some("cannot be read")), "{health}");
    assert!(health["database"]["error"].as_str().is_some_and(|error| error.contains("is gone")), "{health}");
    assert_eq!(socket(&world, "GET", "/api/status", None).0, 503);
    let (code, refused) = socket(&world, "POST", "/api/jobs", Some(&json!({ "prompt": "[[say: lost]]" })));
    assert!(code == 503 && refused["error"].as_str().is_some_and(|error| error.contains("is gone")), "{refused}");
    put_back(&world);
    wait_until("it serves again", LONG, || socket(&world, "GET", "/health", None).0 == 200);
    assert_eq!(world.run(&["ask", "[[say: after]]"]).code, Some(0));
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 2);
    assert_eq!(up.stop().code, Some(0));
}
