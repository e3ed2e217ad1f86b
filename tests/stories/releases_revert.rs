//! A commit that makes a release crash: the release before it comes back by itself, and where its owner allows that, the commit
//! is reverted in the checkout that it was built from.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use agentlab_platform::releases;
use agentlab_stand_ins::BotApi;

use super::{
    releases::{current, home, release, runs, update},
    restart::side_by_side,
};
use crate::world::{ANN, LONG, World, wait_until, write_script};

/// A checkout whose build gives the release that its file `release.sh` is; cargo is a stand-in, Git is real.
fn checkout(world: &World) -> PathBuf {
    let source = world.project("source");
    write_script(
        &world.path("bin/cargo"),
        "#!/bin/sh\nmkdir -p target/release && cp release.sh target/release/agentlab\n",
    );
    fs::write(source.join("Cargo.toml"), "[package]\n").unwrap();
    fs::write(source.join(".gitignore"), "/target\n").unwrap();
    git(&source, &["init", "-q", "-b", "main"]);
    source
}

fn git(source: &Path, words: &[&str]) -> String {
    let identity = ["-c", "user.name=ann", "-c", "user.email=ann@localhost"];
    let output = Command::new("git").arg("-C").arg(source).args(identity).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Commits a release that does `what`.
fn commit(world: &World, source: &Path, message: &str, what: &str) -> String {
    fs::copy(release(world, message, what), source.join("release.sh")).unwrap();
    git(source, &["add", "-A"]);
    git(source, &["commit", "-q", "-m", message]);
    git(source, &["rev-parse", "--short=12", "HEAD"])
}

/// Updates to the release of this commit, as soon as that is accepted: a trial that was passed just now is still being tidied.
fn tried(world: &World, source: &Path, commit: &str) {
    wait_until("the update is accepted", LONG, || {
        update(world, source);
        releases::read(&home(world), commit).is_some()
    });
}

const CRASHES: &str = "if [ \"$1\" = worker ]; then exit 101; fi";

#[test]
fn a_commit_that_crashes_is_reverted_where_that_is_allowed_and_a_second_one_is_not() {
    let api = BotApi::start();
    let mut world = side_by_side(&api);
    world.configure("[recovery]\nauto_revert = true\n");
    // A trial of eighteen seconds.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.03".into()));
    let up = world.up();
    let source = checkout(&world);
    let good = commit(&world, &source, "Works", "");
    let ended = update(&world, &source);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(current(&world), good, "a release is named by its commit");
    let healthy = || releases::read(&home(&world), &good).unwrap().healthy_at.is_some();
    wait_until("it has passed its trial", LONG, healthy);

    let bad = commit(&world, &source, "Faster", CRASHES);
    tried(&world, &source, &bad);
    wait_until("it is left", LONG, || current(&world) == good);
    wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
    wait_until("the commit is reverted", LONG, || git(&source, &["log", "-1", "--format=%s"]) == "Revert \"Faster\"");
    let told = |needle: &str| api.messages(ANN).iter().filter(|message| message.text.contains(needle)).count();
    wait_until("the owner is told", LONG, || told(&format!("The commit {bad}")) == 1 && told("is reverted by") == 1);
    assert_eq!(git(&source, &["status", "--porcelain"]), "");
    assert_eq!(git(&source, &["diff", "--stat", "HEAD", "HEAD~2"]), "", "what is there is what worked");

    // What was reverted builds and runs; the next bad commit of this day is for a person.
    let ended = update(&world, &source);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let reverted = current(&world);
    assert_ne!(reverted, good);
    wait_until("it has passed its trial", LONG, || {
        releases::read(&home(&world), &reverted).unwrap().healthy_at.is_some()
    });
    let worse = commit(&world, &source, "Faster still", CRASHES);
    tried(&world, &source, &worse);
    wait_until("it is left too", LONG, || current(&world) == reverted);
    wait_until("the owner is told why not", LONG, || told("within the last 24 hours") == 1);
    assert_eq!(git(&source, &["rev-parse", "--short=12", "HEAD"]), worse);
    assert_eq!(told("was left"), 2);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn without_leave_nothing_is_changed_in_the_checkout() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let _up = world.up();
    let source = checkout(&world);
    let good = commit(&world, &source, "Works", "");
    assert_eq!(update(&world, &source).code, Some(0));
    let bad = commit(&world, &source, "Faster", CRASHES);
    update(&world, &source);
    wait_until("it is left", LONG, || current(&world) == good);
    wait_until("everything runs from the earlier one", LONG, || runs(&world) == vec![good.clone(); 6]);
    let told = || api.messages(ANN).iter().filter(|message| message.text.contains("was left")).count();
    wait_until("the owner is told", LONG, || told() == 1);
    let noted = releases::read(&home(&world), &bad).unwrap().bad.unwrap().reverted;
    assert_eq!((git(&source, &["rev-parse", "--short=12", "HEAD"]), noted), (bad, None));
}
