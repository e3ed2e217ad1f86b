//! A database that is damaged or taken away under a running system, and restores that are cut off anywhere: what was accepted is
//! there again, what had ended is not done twice, what runs goes on, and the owner is told.

use std::{fs, io::Write, os::unix::fs::FileExt, path::PathBuf};

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

/// Where a restore can be cut off.
const POINTS: [&str; 5] = ["restore-ready", "restore-replayed", "restore-aside", "restore-place", "restore-placed"];

fn database(world: &World) -> PathBuf {
    world.home().join("agentlab.db")
}

/// Overwrites all of the file but its first page, in place: whoever has it open reads that from now on.
fn damage(world: &World) {
    let file = fs::File::options().write(true).open(database(world)).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xA5; usize::try_from(length).unwrap() - 4096], 4096).unwrap();
    // What is in the WAL would hide it.
    let wal = world.home().join("agentlab.db-wal");
    let file = fs::File::options().write(true).open(wal).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xA5; usize::try_from(length).unwrap().saturating_sub(32)], 32).unwrap();
}

fn kept_aside(world: &World) -> usize {
    fs::read_dir(world.home().join("set-aside")).map_or(0, Iterator::count)
}

fn is_restored(world: &World) -> bool {
    world.home().join("restored.json").exists() && world.run(&["--json", "status"]).code == Some(0)
}

#[test]
fn a_database_damaged_under_a_running_system_is_restored_and_nothing_is_lost_doubled_or_done_again() {
    for gone in [false, true] {
        let api = BotApi::start();
        let log = tempfile::NamedTempFile::new().unwrap();
        let world = World::with_bot(&api);
        let append = |word: &str| format!("[[append: {} {word}]] [[say: {word}.]]", log.path().display());
        let _up = world.up();
        api.user_says(ANN, ANN, &append("one"));
        api.wait_for_text(ANN, "one.", LONG);
        assert_eq!(world.run(&["backup", "now"]).code, Some(0));
        api.user_says(ANN, ANN, &append("two"));
        api.wait_for_text(ANN, "two.", LONG);
        let asked = world.start(&["ask", &format!("[[sleep: 12]] {}", append("three"))]);
        wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
        let run = world.sql("SELECT id FROM run WHERE state = 'running'")[0]["id"].as_str().unwrap().to_owned();
        world.run(&["pause"]);
        assert_eq!(world.run(&["ask", "--no-wait", &append("four")]).code, Some(0));
        assert_eq!(world.run(&["ask", "--no-wait", &append("never")]).code, Some(0));
        assert_eq!(world.run(&["cancel", "5"]).code, Some(0));
        if gone {
            for name in ["agentlab.db", "agentlab.db-wal", "agentlab.db-shm"] {
                fs::rename(world.home().join(name), world.path(name)).unwrap();
            }
        } else {
            damage(&world);
        }
        wait_until("it is restored", LONG, || is_restored(&world));
        api.wait_for_text(ANN, "restored from the backup of", LONG);
        assert_eq!(kept_aside(&world), usize::from(!gone));
        // What was held is held, and what was cancelled stays so.
        assert_eq!(world.run(&["resume"]).code, Some(0));
        wait_until("what waited is done", LONG, || {
            world.count("SELECT COUNT(*) FROM job WHERE number = 4 AND state = 'done'") == 1
        });
        let ended = asked.end(LONG);
        assert!(ended.code == Some(0) && ended.stdout.starts_with("three."), "{ended:?}");
        assert_eq!(
            world.sql("SELECT id FROM run WHERE job_id = (SELECT id FROM job WHERE number = 3)").len(),
            1,
            "adopted"
        );
        assert_eq!(
            world.sql("SELECT id FROM run WHERE job_id = (SELECT id FROM job WHERE number = 3)")[0]["id"],
            run.as_str()
        );
        let states = "SELECT COUNT(*) FROM job WHERE state = CASE number WHEN 5 THEN 'cancelled' ELSE 'done' END";
        assert_eq!(world.count(states), 5);
        let mut done: Vec<String> =
            fs::read_to_string(log.path()).unwrap().split_whitespace().map(str::to_owned).collect();
        done.sort();
        assert_eq!(done, ["four", "one", "three", "two"], "each once");
        api.user_says(ANN, ANN, &append("six"));
        api.wait_for_text(ANN, "six.", LONG);
        let said = api.messages(ANN).iter().filter(|message| message.text.contains("two.")).count();
        assert_eq!(said, 1, "{}", api.transcript(ANN));
        assert_eq!(world.count("SELECT COUNT(*) FROM v_owed"), 0);
    }
}

#[test]
fn a_restore_that_is_cut_off_anywhere_is_done_by_the_next_start_and_nothing_is_lost() {
    let ways: [&[&str]; 2] = [&["up"], &["backup", "restore"]];
    for (point, way) in POINTS.iter().flat_map(|point| ways.map(|way| (point, way))) {
        let mut world = World::new();
        assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
        assert_eq!(world.run(&["backup", "now"]).code, Some(0));
        assert_eq!(world.run(&["ask", "[[say: after]]"]).code, Some(0));
        world.wait_for_quiet();
        fs::write(database(&world), "torn").unwrap();
        // It may hold all that is missing.
        let _ = fs::remove_file(world.home().join("agentlab.db-wal"));
        let marker = world.path(point);
        world.env.push(("AGENTLAB_TEST_KILL_AT".into(), format!("{point}:{}", marker.display())));
        let killed = world.run(way);
        world.env.pop();
        assert!(marker.exists() && killed.code.is_none(), "{point} {way:?}: {killed:?}");
        for (number, word) in [("1", "before"), ("2", "after")] {
            let job = world.run(&["job", number]);
            assert!(job.code == Some(0) && job.stdout.contains(word), "{point} {way:?}: {job:?}");
        }
        assert_eq!(world.count("SELECT COUNT(*) FROM job"), 2, "{point} {way:?}");
        assert_eq!(world.run(&["ask", "[[say: later]]"]).code, Some(0), "{point} {way:?}");
        let halves = fs::read_dir(world.home()).unwrap().flatten();
        let halves = halves.filter(|entry| entry.file_name().to_string_lossy().starts_with(".new-")).count();
        // What the killed one left is removed by the next restore.
        assert!(halves <= 1, "{point} {way:?}");
        assert!(kept_aside(&world) >= 1, "{point} {way:?}: it is never deleted");
    }
}

#[test]
fn a_person_restores_what_he_names_also_while_all_work() {
    let world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    assert_eq!(world.run(&["ask", "[[say: after]]"]).code, Some(0));
    let asked = world.start(&["ask", "[[sleep: 6]] [[say: through]]"]);
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    assert_eq!(world.run(&["backup", "restore", "nothing"]).code, Some(1));
    let restored = world.run(&["backup", "restore"]);
    assert!(restored.code == Some(0) && restored.stdout.contains("restored from the backup of"), "{restored:?}");
    assert_eq!(kept_aside(&world), 1);
    let ended = asked.end(LONG);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("through"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 3);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 3);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_system_that_starts_over_a_cut_database_says_what_it_put_back() {
    let world = World::new();
    for word in ["one", "two", "three"] {
        assert_eq!(world.run(&["ask", &format!("[[say: {word}]]")]).code, Some(0));
    }
    world.wait_for_quiet();
    fs::File::options().write(true).open(database(&world)).unwrap().set_len(3 * 4096).unwrap();
    let _ = fs::remove_file(world.home().join("agentlab.db-wal"));
    let up = world.up();
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 3);
    let status = world.run(&["status"]);
    assert!(status.stdout.contains("built again from the journal"), "{status:?}");
    let doctor = world.run(&["doctor"]);
    assert!(doctor.stdout.contains("built again from the journal"), "{doctor:?}");
    assert_eq!(up.stop().code, Some(0));
    let mut log = fs::File::options().append(true).open(world.home().join("intake.jsonl")).unwrap();
    log.write_all(b"{\"torn").unwrap();
    assert_eq!(world.run(&["ask", "[[say: four]]"]).code, Some(0));
}
