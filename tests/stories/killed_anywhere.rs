//! `kill -9` at any point of a backup, a restore, a migration, an import and a pass of retention: whoever does it is killed at the
//! nth change that it makes to the home, before it and half-way through it, for n = 1, 2, ... until it ends by itself. What stands
//! on the disk changes at nothing else, so these are all points there are. The next start completes it or undoes it.
//!
//! `just anywhere` tries every n; an ordinary run a few, most of them at the steps from one file to the next.

use std::{fs, path::Path};

use agentlab_domain::retention::{Before, Pressure};
use agentlab_platform::{clock, home::Home, restore, retention};

use crate::{
    house::migrations::filled_to,
    stories::damaged_anywhere::copy_folder,
    world::{Disk, Kill, Look, World, few_or_many},
};

/// Set for the copy of a story that runs as the process that is killed: the home.
const INSIDE: &str = "AGENTLAB_TEST_INSIDE";
const PASS: &str =
    "stories::killed_anywhere::a_pass_of_retention_that_is_killed_at_any_change_is_completed_by_the_next";
const SOUND: &str = "SELECT (SELECT COUNT(*) FROM pragma_foreign_key_check) + (SELECT integrity_check <> 'ok' FROM pragma_integrity_check LIMIT 1)";

/// Runs these arguments over a copy of the world's home as it is now, each time killed at another change; then `next`, with
/// the words that name the case. The first time nobody is killed.
fn sweep(what: &str, mut world: World, arguments: &[&str], next: impl Fn(&World, &str)) {
    let Some(disk) = Disk::under(&mut world, arguments[0]) else { return };
    let original = world.path("original");
    copy_folder(&world.home(), &original);
    for kill in Kill::ALL {
        let case = |n: u64| {
            fs::remove_dir_all(world.home()).unwrap();
            copy_folder(&original, &world.home());
            disk.kills(n, kill);
            let ended = world.run(arguments);
            let (killed, all) = (disk.failed() > 0, disk.met_in_all());
            let told = format!("{what}, killed at change {n} ({}, {kill:?}): {ended:?}", disk.met());
            disk.mend();
            assert_eq!(ended.code.is_none(), killed, "{told}");
            assert!(killed || ended.code == Some(0), "{told}");
            next(&world, &told);
            world.wait_for_quiet();
            assert_eq!(Look::into(&world).count(SOUND), 0, "{told}");
            assert_eq!(halves(&world.home()), [""; 0], "{told}: what the killed one left is still there");
            (killed, all)
        };
        let (killed, all) = case(u64::MAX);
        assert!(!killed && all > 10, "{what}: {all} changes");
        let tried = if few_or_many(0, 1) == 1 {
            // There are not always as many.
            (1..=all + 9).filter(|n| case(*n).0).count()
        } else {
            let few = if kill == Kill::BeforeStep { 24 } else { 6 };
            (0..few).filter(|_| case(fastrand::u64(1..=all)).0).count()
        };
        eprintln!("killed anywhere: {what}, {kill:?}: at {tried} of {all} changes");
    }
}

/// What is half made, in all folders of a home but `run`, where others may be writing a mark of some bytes at any time.
fn halves(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            found.push(entry.path().display().to_string());
        } else if entry.file_type().unwrap().is_dir() && !["run", "workspace"].contains(&name.as_str()) {
            found.extend(halves(&entry.path()));
        }
    }
    found
}

/// A home with two tasks, one of them in no backup.
fn with_two_tasks() -> World {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    assert_eq!(world.run(&["ask", "[[say: after]]"]).code, Some(0));
    world.wait_for_quiet();
    world
}

fn both_are_there(world: &World, told: &str) {
    for (number, word) in [("1", "before"), ("2", "after")] {
        let job = world.run(&["job", number]);
        assert!(job.code == Some(0) && job.stdout.contains(word), "{told}: {job:?}");
    }
}

#[test]
fn a_backup_that_is_killed_at_any_change_is_none_or_whole_and_the_next_one_is_made() {
    sweep("backup", with_two_tasks(), &["backup", "now"], |world, told| {
        let verified = world.run(&["backup", "verify"]);
        assert!(verified.code == Some(0) && !verified.stdout.contains("BAD"), "{told}: {verified:?}");
        let made = world.run(&["backup", "now"]);
        assert!(made.code == Some(0) && made.stdout.contains("2 tasks"), "{told}: {made:?}");
        both_are_there(world, told);
    });
}

#[test]
fn a_restore_that_is_killed_at_any_change_is_done_by_the_next_start() {
    for arguments in [&["job", "2"][..], &["backup", "restore"]] {
        let world = with_two_tasks();
        fs::write(world.home().join("agentlab.db"), "torn").unwrap();
        // It may hold all that is missing.
        let _ = fs::remove_file(world.home().join("agentlab.db-wal"));
        sweep(&format!("restore by {}", arguments[0]), world, arguments, |world, told| {
            both_are_there(world, told);
            assert!(fs::read_dir(world.home().join("set-aside")).unwrap().count() >= 1, "{told}: it is never deleted");
            let backup = world.run(&["backup", "now"]);
            assert!(backup.code == Some(0) && backup.stdout.contains("2 tasks"), "{told}: {backup:?}");
        });
    }
}

#[test]
fn a_migration_from_the_first_schema_that_is_killed_at_any_change_is_completed_by_the_next_start() {
    let versions: Vec<i64> = agentlab_platform::db::migrate::ours().iter().map(|one| one.version).collect();
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (folder, connection) = runtime.block_on(filled_to(versions[0]));
    runtime.block_on(sqlx::Connection::close(connection)).unwrap();
    fs::copy(folder.path().join("agentlab.db"), world.home().join("agentlab.db")).unwrap();
    sweep("migration", world, &["job", "1"], |world, told| {
        let job = world.run(&["job", "1"]);
        assert!(job.code == Some(0) && job.stdout.contains("the form posts to"), "{told}: {job:?}");
        let look = Look::into(world);
        let applied: Vec<(i64,)> =
            look.rows("SELECT version FROM _sqlx_migrations WHERE version >= 20261122000001 ORDER BY 1");
        assert_eq!(applied.into_iter().map(|one| one.0).collect::<Vec<_>>(), versions, "{told}");
        assert_eq!(look.count("SELECT COUNT(*) FROM job"), 12, "{told}");
        // However often it was begun: one backup of before the change.
        let listed = world.run(&["--json", "backup", "list"]);
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
        let reasons: Vec<_> = listed.iter().map(|backup| &backup["reason"]["schema"]).collect();
        assert_eq!(reasons, [&serde_json::json!(versions.last())], "{told}");
        assert_eq!(world.run(&["backup", "verify"]).code, Some(0), "{told}");
    });
}

#[test]
fn an_import_that_is_killed_at_any_change_is_taken_in_whole_or_not_at_all() {
    let old = with_two_tasks();
    fs::write(old.home().join("orchestrator.md"), "Be brief.\n").unwrap();
    let world = World::new();
    let file = world.path("export.jsonl");
    assert_eq!(old.run(&["export", file.to_str().unwrap()]).code, Some(0));
    // A home that is there, so that a change of it can be met.
    fs::create_dir_all(world.home()).unwrap();
    sweep("import", world, &["import", file.to_str().unwrap()], |world, told| {
        let again = world.run(&["import", file.to_str().unwrap()]);
        assert!(again.code == Some(0) || again.stderr.contains("has worked already (2 tasks"), "{told}: {again:?}");
        assert_eq!(fs::read_to_string(world.home().join("orchestrator.md")).unwrap(), "Be brief.\n", "{told}");
        assert_eq!(world.run(&["backup", "now"]).code, Some(0), "{told}");
        both_are_there(world, told);
    });
}

/// The process that is killed: a pass over everything that has ended.
async fn pass(home: &str) {
    let home = Home::at(home.into()).unwrap();
    let db = restore::open(&home, restore::Depth::Whole).await.unwrap();
    let past = clock::now_ms() + 86_400_000;
    let before = Before { jobs: past, runs: past, updates: past, alerts: past, hours: past, audit: 0, logs: 0 };
    retention::pass(&db, before, Pressure::Pressed).await.unwrap();
    db.let_go().await;
}

#[test]
fn a_pass_of_retention_that_is_killed_at_any_change_is_completed_by_the_next() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Some(home) = std::env::var_os(INSIDE) {
        runtime.block_on(pass(home.to_str().unwrap()));
        return;
    }
    let mut world = with_two_tasks();
    for day in 1..=3 {
        fs::write(world.home().join(format!("logs/bot.2026-11-0{day}.jsonl")), "{\"a line\":1}\n".repeat(500)).unwrap();
    }
    let home = world.home().to_str().unwrap().to_owned();
    world.env.push((INSIDE.into(), home.clone()));
    let agentlab = std::mem::replace(&mut world.program, std::env::current_exe().unwrap());
    sweep("retention", world, &["--exact", PASS], |world, told| {
        let look = Look::into(world);
        // Each task is there with its run, or it is past; and no directory is without its run.
        let (jobs, past) = (look.count("SELECT COUNT(*) FROM job"), look.count("SELECT COUNT(*) FROM job_past"));
        assert_eq!((jobs + past, look.count("SELECT COUNT(*) FROM run")), (2, jobs), "{told}");
        assert_eq!(look.count("SELECT COUNT(*) FROM job_past JOIN job ON job.number = job_past.number"), 0, "{told}");
        drop(look);
        runtime.block_on(pass(&home));
        let look = Look::into(world);
        assert_eq!(look.count("SELECT COUNT(*) FROM job_past"), 2, "{told}");
        assert_eq!(look.count("SELECT COUNT(*) FROM job"), 0, "{told}");
        assert_eq!(fs::read_dir(world.home().join("runs")).unwrap().count(), 0, "{told}");
        let archived = |name: &String| Path::new(name).extension().is_some_and(|kind| kind == "gz");
        let logs = fs::read_dir(world.home().join("logs")).unwrap();
        let logs: Vec<String> = logs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let of =
            |day: i32| logs.iter().filter(|name| name.starts_with(&format!("bot.2026-11-0{day}"))).collect::<Vec<_>>();
        assert!((1..=2).all(|day| of(day).len() == 1 && archived(of(day)[0])) && of(3).len() == 1, "{told}: {logs:?}");
        let lines = retention::read_archive(&world.home().join("logs/bot.2026-11-01.jsonl.gz"));
        assert_eq!(lines.len(), 500, "{told}");
        let past =
            std::process::Command::new(&agentlab).args(["job", "1"]).env("AGENTLAB_HOME", &home).output().unwrap();
        assert!(String::from_utf8_lossy(&past.stderr).contains("task 1 ended on"), "{told}: {past:?}");
    });
}
