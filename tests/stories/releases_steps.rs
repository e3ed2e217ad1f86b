//! Updates that are cut off between two steps, that meet another one, and that are built from a checkout: what starts next goes
//! on, and nothing is half in place.

use std::{fs, path::Path, process::Command};

use agentlab_platform::{clock, failpoints::KILL_AT, identity::Identity, recovery::Recovery, releases};

use super::{
    releases::{current, home, release, runs, update},
    starting::install,
};
use crate::world::{LONG, World, wait_until, write_script};

#[test]
fn an_update_that_is_killed_between_two_steps_leaves_a_system_that_starts_and_goes_on() {
    for point in ["release-taken", "release-switched"] {
        let mut world = World::new();
        let up = world.up();
        let new = release(&world, "new", "");
        let killed = world.path("killed");
        world.env.push((KILL_AT.into(), format!("{point}:{}", killed.display())));
        assert_eq!(update(&world, &new).code, None, "{point}: it is killed");
        world.env.pop();
        assert!(world.run(&["ask", "[[say: well]]"]).stdout.starts_with("well"), "{point}: what runs goes on");
        let before = runs(&world).first().cloned().unwrap_or_default();
        assert_eq!(up.stop().code, Some(0));
        let up = world.up();
        assert!(world.run(&["ask", "[[say: well]]"]).stdout.starts_with("well"), "{point}: and starts");
        let ended = update(&world, &new);
        assert_eq!(ended.code, Some(0), "{point}: {ended:?}");
        assert_eq!(runs(&world), vec![current(&world); 5], "{point}");
        assert_ne!(current(&world), before, "{point}");
        let halves = fs::read_dir(world.home().join("releases")).unwrap().filter_map(Result::ok);
        assert_eq!(
            halves.filter(|entry| entry.file_name().to_string_lossy().starts_with(".new")).count(),
            0,
            "{point}"
        );
        assert_eq!(up.stop().code, Some(0));
    }
}

#[test]
fn an_update_that_was_cut_off_before_its_restart_goes_on_with_the_next_update() {
    let mut world = World::new();
    let _up = world.up();
    let new = release(&world, "new", "");
    world.env.push((KILL_AT.into(), format!("release-switched:{}", world.path("killed").display())));
    assert_eq!(update(&world, &new).code, None);
    world.env.pop();
    let trial = releases::trial::in_force(&home(&world)).unwrap();
    assert_eq!(trial.release, current(&world), "it is on trial as soon as it is in place");
    let ended = update(&world, &new);
    assert!(ended.code == Some(0) && ended.stdout.contains("on trial"), "{ended:?}");
    assert_eq!(runs(&world), vec![current(&world); 5]);
}

#[test]
fn a_return_that_was_cut_off_is_completed_by_whoever_starts_next() {
    let mut world = World::new();
    world.env.push((KILL_AT.into(), format!("release-left:{}", world.path("killed").display())));
    let up = world.up();
    let bad = release(&world, "bad", "if [ \"$1\" = worker ]; then exit 101; fi");
    let updating = world.start(&["update", bad.to_str().unwrap()]);
    wait_until("the supervisor is killed while it goes back", LONG, || world.path("killed").exists());
    up.end(LONG);
    let left = releases::current(&home(&world)).unwrap();
    assert!(left.bad.is_some(), "marked, and still in place");
    drop(updating);
    let up = world.up();
    assert_eq!(current(&world), left.from.unwrap());
    assert!(world.run(&["ask", "[[say: well]]"]).stdout.starts_with("well"));
    assert_eq!(up.stop().code, Some(0));
}

/// Another process that changes what runs, and lives: this test.
fn in_progress(world: &World) {
    let since = clock::now_ms();
    let owner = Identity::own().unwrap();
    let recovery = Recovery { owner, what: "a test".into(), since, expires_at: since + 3_600_000 };
    fs::write(home(world).recovery(), serde_json::to_vec(&recovery).unwrap()).unwrap();
}

#[test]
fn while_a_recovery_is_in_progress_updates_are_refused_and_a_supervisor_waits() {
    let world = World::new();
    let first = release(&world, "first", "");
    assert_eq!(update(&world, &first).code, Some(0));
    in_progress(&world);
    let second = release(&world, "second", "");
    for words in [vec!["update", second.to_str().unwrap()], vec!["rollback"], vec!["recover", "worker"]] {
        let refused = world.run(&words);
        let who = format!("a test is in progress (process {}", std::process::id());
        assert!(refused.code == Some(75) && refused.stderr.contains(&who), "{refused:?}");
    }
    let mut up = world.start(&["up"]);
    up.wait_for_line("I begin when it is over", LONG);
    assert!(!up.output().contains("ready:"));
    fs::remove_file(home(&world).recovery()).unwrap();
    up.wait_for_line("ready:", LONG);
    assert_eq!(update(&world, &second).code, Some(0));
    assert!(!home(&world).recovery().exists(), "nobody is left to be waited for");
}

#[test]
fn what_was_installed_last_wins_whoever_starts_it() {
    let mut world = World::new();
    let path = world.path("bin/agentlab");
    let real = std::mem::replace(&mut world.program, path);
    install(&real, &world.program);
    assert_eq!(update(&world, &release(&world, "new", "")).code, Some(0));
    let new = current(&world);
    let up = world.up();
    assert_eq!(runs(&world), vec![new.clone(); 5], "put in place after the installation");
    assert_eq!(up.stop().code, Some(0));
    // Another installation, which is another executable.
    let path = world.path("release");
    assert!(Command::new("cp").arg(&real).arg(&path).status().unwrap().success());
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"x"))
        .unwrap();
    install(&path, &world.program);
    let mut up = world.start(&["up"]);
    up.wait_for_line("was installed: it is on trial", LONG);
    up.wait_for_line("ready:", LONG);
    let installed = releases::current(&home(&world)).unwrap();
    assert_eq!((installed.from.as_deref(), runs(&world)), (Some(new.as_str()), vec![installed.name.clone(); 5]));
    let back = world.run(&["rollback"]);
    assert_eq!((back.code, current(&world)), (Some(0), new.clone()), "{back:?}");
    assert_eq!(up.stop().code, Some(0));
    let up = world.up();
    assert_eq!(runs(&world), vec![new; 5], "a rollback is the last thing that was put in place");
    assert_eq!(up.stop().code, Some(0));
}

fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(words)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A commit of `folder` whose build is a release that says `what`; its name.
fn commit(world: &World, folder: &Path, what: &str) -> String {
    fs::copy(release(world, what, ""), folder.join("built")).unwrap();
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", what]);
    git(folder, &["rev-parse", "--short=12", "HEAD"])
}

#[test]
fn a_checkout_is_built_and_named_after_its_commit_and_the_next_update_takes_what_its_upstream_has() {
    let world = World::new();
    // Builds what lies in the checkout, unless that says that it is broken.
    write_script(
        &world.path("bin/cargo"),
        "#!/bin/sh\necho \"cargo $*\"\n[ -e broken ] && { echo 'error: broken' >&2; exit 101; }\n\
         mkdir -p target/release && cp built target/release/agentlab\n",
    );
    let origin = world.project("origin");
    git(&origin, &["init", "-q"]);
    fs::write(origin.join("Cargo.toml"), "[package]\n").unwrap();
    fs::write(origin.join(".gitignore"), "target\nbroken\n").unwrap();
    let first = commit(&world, &origin, "first");
    git(&world.path("user"), &["clone", "-q", origin.to_str().unwrap(), "checkout"]);
    let checkout = world.path("user/checkout");
    let _up = world.up();
    let ended = update(&world, &checkout);
    assert_eq!((ended.code, current(&world)), (Some(0), first.clone()), "{ended:?}");
    let kept = releases::current(&home(&world)).unwrap();
    assert_eq!((kept.commit, kept.source), (Some(first.clone()), Some(checkout.canonicalize().unwrap())));
    assert!(
        fs::read_to_string(world.home().join("logs/update.log")).unwrap().contains("cargo build --release --locked")
    );
    let again = world.run(&["update"]);
    assert!(again.code == Some(0) && again.stdout.contains("runs already"), "{again:?}");
    let second = commit(&world, &origin, "second");
    let ended = world.run(&["update"]);
    assert_eq!((ended.code, current(&world)), (Some(0), second.clone()), "{ended:?}");
    // What is no commit has no commit's name.
    fs::copy(release(&world, "third", ""), checkout.join("built")).unwrap();
    let ended = world.run(&["update"]);
    assert!(ended.code == Some(0) && ended.stderr.contains("files in the checkout are changed"), "{ended:?}");
    let changed = releases::current(&home(&world)).unwrap();
    assert!(changed.name != second && changed.commit.is_none(), "{changed:?}");
    fs::write(checkout.join("broken"), "").unwrap();
    let ended = update(&world, &checkout);
    assert!(ended.code == Some(1) && ended.stderr.contains("the build failed (error: broken)"), "{ended:?}");
    assert_eq!(current(&world), changed.name);
    assert_eq!(runs(&world), vec![changed.name; 5]);
}
