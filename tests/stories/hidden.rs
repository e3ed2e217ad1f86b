//! A database that is lost while something it would be restored from may not be read: that is a refusal which names it, never a restore of
//! less and never a fresh start. Once it can be read all is there.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::{World, write_script};

/// A world whose program is nobody who may read everything.
fn unprivileged() -> World {
    let mut world = World::new();
    if nix::unistd::geteuid().is_root() {
        let own = world.path("agentlab");
        assert!(Command::new("cp").arg(&world.program).arg(&own).status().unwrap().success());
        let wrapper = world.path("as-nobody");
        let text =
            format!("#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups {} \"$@\"\n", own.display());
        write_script(&wrapper, &text);
        world.program = wrapper;
        give_to(&world.path(""), 65534);
    }
    world
}

fn give_to(path: &Path, user: u32) {
    let owner = format!("{user}:{user}");
    assert!(Command::new("chown").arg("-R").arg(owner).arg(path).status().unwrap().success());
}

fn newest(world: &World) -> PathBuf {
    let mut all: Vec<PathBuf> =
        fs::read_dir(world.home().join("backups")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.pop().unwrap()
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

#[test]
fn what_may_not_be_read_is_named_and_nothing_is_begun_without_it() {
    type Hide = fn(&World) -> PathBuf;
    let ways: [(&str, Hide); 5] = [
        ("the journal that was cut off", |world| {
            remove(&newest(world));
            world.home().join("journal")
        }),
        ("a part of it", |world| {
            remove(&newest(world));
            fs::read_dir(world.home().join("journal")).unwrap().next().unwrap().unwrap().path()
        }),
        ("the newest backup", |world| {
            remove(&world.home().join("journal"));
            newest(world)
        }),
        ("its copy of the database", |world| {
            remove(&world.home().join("journal"));
            newest(world).join("agentlab.db")
        }),
        ("all backups of a home that has nothing else", |world| {
            for name in ["journal", "intake.jsonl", "runs"] {
                remove(&world.home().join(name));
            }
            world.home().join("backups")
        }),
    ];
    for (what, hide) in ways {
        let world = unprivileged();
        assert_eq!(world.run(&["ask", "[[say: one]]"]).code, Some(0), "{what}");
        assert_eq!(world.run(&["backup", "now"]).code, Some(0), "{what}");
        for task in ["two", "three"] {
            assert_eq!(world.run(&["ask", &format!("[[say: {task}]]")]).code, Some(0), "{what}");
        }
        assert_eq!(world.run(&["backup", "now"]).code, Some(0), "{what}");
        world.wait_for_quiet();
        let hidden = hide(&world);
        for file in ["agentlab.db", "agentlab.db-wal", "agentlab.db-shm"] {
            let _ = fs::remove_file(world.home().join(file));
        }
        let before = fs::metadata(&hidden).unwrap().permissions();
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
        for verb in [&["jobs", "--all"][..], &["ask", "--no-wait", "[[say: four]]"], &["up"]] {
            let refused = world.run(verb);
            assert_eq!(refused.code, Some(69), "{what}: {refused:?}");
            assert!(refused.stderr.contains(hidden.to_str().unwrap()), "{what}: {refused:?}");
            assert!(refused.stderr.contains("chmod -R u+rwX"), "{what}: {refused:?}");
            assert!(!world.home().join("agentlab.db").exists(), "{what}: begun");
        }
        fs::set_permissions(&hidden, before).unwrap();
        let jobs = world.run(&["jobs", "--all"]);
        assert_eq!((jobs.code, jobs.stdout.lines().count()), (Some(0), 4), "{what}: {jobs:?}");
    }
}

#[test]
fn a_backup_that_cannot_be_tried_is_not_called_bad() {
    let world = unprivileged();
    assert_eq!(world.run(&["ask", "[[say: one]]"]).code, Some(0));
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    // No room, or no right, for the scratch file in which it would be begun with.
    fs::set_permissions(newest(&world), fs::Permissions::from_mode(0o500)).unwrap();
    let tried = world.run(&["backup", "verify"]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(tried.stdout.contains("could not be tried now") && !tried.stdout.contains("BAD"), "{tried:?}");
    let tried = world.run(&["--json", "backup", "verify"]);
    assert!(tried.stdout.contains("\"sound\": null"), "{tried:?}");
    fs::set_permissions(newest(&world), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(world.run(&["backup", "verify"]).code, Some(0));
}

#[test]
fn what_is_no_file_keeps_nobody_waiting() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: one]]"]).code, Some(0));
    world.wait_for_quiet();
    let run = fs::read_dir(world.home().join("runs")).unwrap().next().unwrap().unwrap().path().join("rows.json");
    let places =
        ["restored.json", "run/condemned.json", "config.toml", "agentlab.db-wal"].map(|name| world.home().join(name));
    for place in places.into_iter().chain([run]) {
        let was = fs::read(&place).ok();
        let _ = fs::remove_file(&place);
        nix::unistd::mkfifo(&place, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let jobs = world.run(&["jobs", "--all"]);
        let is_configuration = place.ends_with("config.toml");
        assert_eq!(jobs.code, Some(if is_configuration { 78 } else { 0 }), "{place:?}: {jobs:?}");
        assert!(!is_configuration || jobs.stderr.contains("no file is in its place"), "{jobs:?}");
        let _ = fs::remove_file(&place);
        if let Some(was) = was {
            fs::write(&place, was).unwrap();
        }
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 1);
}
