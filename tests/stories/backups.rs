//! Backups: made by a running system and by hand, and told of when none can be made. Cut off anywhere: `killed_anywhere`.

use std::{fs, path::Path};

use agentlab_platform::lock::{Lock, Mode};
use serde_json::Value;

use crate::world::{Ended, LONG, Roads, World, wait_until};

fn listed(world: &World) -> Vec<Value> {
    let listed = world.run(&["--json", "backup", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    serde_json::from_str(&listed.stdout).unwrap()
}

fn verified(world: &World) -> Ended {
    world.run(&["backup", "verify"])
}

/// Names in `backups/` that are no backup.
fn halves(world: &World) -> usize {
    let entries = fs::read_dir(world.home().join("backups")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.')).count()
}

#[test]
fn a_running_system_makes_them_by_itself_while_it_works_and_says_how_old_the_newest_is() {
    let mut world = World::new();
    let second = world.path("second");
    world.configure(&format!("[backup]\nevery_minutes = 1\nkeep = 2\ncopy_to = '{}'\n", second.display()));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.03".into()));
    let _up = world.up();
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    let number = |world: &World| listed(world).first().and_then(|newest| newest["number"].as_u64()).unwrap_or(0);
    let first = number(&world);
    wait_until("older ones make room", LONG, || number(&world) >= first + 3);
    // Looked at while the next one may be under way.
    wait_until("no more are kept", LONG, || (listed(&world).len(), halves(&world)) == (2, 0));
    wait_until("nor elsewhere", LONG, || fs::read_dir(&second).unwrap().count() == 2);
    assert_eq!(listed(&world)[0]["rows"]["job"], 1, "{:?}", listed(&world));
    let (_, health) = super::console::socket(&world, "GET", "/health", None);
    assert!(health["backup"]["age_s"].as_i64().is_some_and(|age| age < 60), "{health}");
    // By number and not by name: the oldest may go while they are tried.
    let tried = verified(&world);
    assert!(tried.stdout.lines().any(|line| line.starts_with("ok ")), "{tried:?}");
}

#[test]
fn damage_is_found_by_trying_and_a_folder_that_cannot_be_written_is_told() {
    let roads = Roads::start();
    let mut world = roads.world("0.02", "cooldown_minutes = 60");
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    let name = listed(&world)[0]["id"].as_str().unwrap().to_owned();
    // Whoever reads this would wait for ever.
    let pipe = world.home().join("backups/000000-2026-01-01T00-00-00Z");
    fs::create_dir(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(pipe.join("backup.json")).status().unwrap().success());
    assert!(listed(&world)[1]["bad"].is_string());
    fs::remove_dir_all(&pipe).unwrap();
    flip(&world.home().join("backups").join(&name).join("agentlab.db"));
    let tried = verified(&world);
    assert!(tried.code == Some(1) && tried.stdout.contains(&format!("BAD  {name}: ")), "{tried:?}");
    assert!(world.run(&["backup", "list"]).stdout.contains("BAD: "), "it is said until it is sound again");
    assert!(listed(&world)[0]["bad"].is_string());
    assert_eq!(world.run(&["backup", "verify", "nothing"]).code, Some(1));
    // Nothing can be written where backups go.
    fs::remove_dir_all(world.home().join("backups")).unwrap();
    fs::write(world.home().join("backups"), "in the way").unwrap();
    let made = world.run(&["backup", "now"]);
    assert!(made.code == Some(1) && made.stderr.contains("backups"), "{made:?}");
    let list = world.run(&["backup", "list"]);
    assert!(list.code == Some(1) && list.stderr.contains("cannot be read"), "{list:?}");
    assert!(world.run(&["doctor"]).stdout.contains("nobody can tell which backups there are"));
    world.configure("[backup]\nevery_minutes = 10\n");
    let began = std::time::Instant::now();
    let _up = world.up();
    roads.wait_for_all("agentlab: the newest backup is", began, LONG * 2);
    fs::remove_file(world.home().join("backups")).unwrap();
    wait_until("one is made again", LONG, || listed(&world).len() == 1);
    over(&roads, ": the newest backup is");
}

#[test]
fn a_second_folder_that_is_not_there_or_hangs_costs_no_backup_keeps_nobody_and_is_told_until_there_is_a_copy() {
    let roads = Roads::start();
    let mut world = roads.world("0.02", "cooldown_minutes = 60");
    let disk = world.path("disk");
    world.configure(&format!("[backup]\nevery_minutes = 2\ncopy_to = '{}'\n", disk.join("copies").display()));
    let now = |world: &World, why: &str| {
        let made = world.run(&["backup", "now"]);
        assert!(made.code == Some(1) && made.stdout.contains("found sound"), "{made:?}");
        assert!(made.stderr.contains("not copied") && made.stderr.contains(why), "{made:?}");
    };
    let uncopied =
        |world: &World| super::console::socket(world, "GET", "/health", None).1["backup"]["uncopied_since"].clone();
    now(&world, "Is its disk mounted?");
    let began = std::time::Instant::now();
    let up = world.up();
    let supervisor = world.pid("supervisor", 0);
    roads.wait_for_all("agentlab: backups were not copied to the second folder", began, LONG * 2);
    assert!(uncopied(&world).is_i64());
    let told = world.run(&["backup", "list"]);
    assert!(told.stderr.contains("since ") && told.stderr.contains("Is its disk mounted?"), "{told:?}");
    // It is mounted, and whoever looked at it first has no answer yet.
    fs::create_dir_all(&disk).unwrap();
    let hangs = Lock::try_take(&world.home().join("run/second.lock"), Mode::Exclusive).unwrap().unwrap();
    let newest = |world: &World| listed(world)[0]["number"].as_u64();
    let before = newest(&world);
    wait_until("backups go on", LONG, || newest(&world) >= before.map(|number| number + 2));
    now(&world, "does not answer");
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    assert_eq!(world.pid("supervisor", 0), supervisor, "it did not stand still");
    drop(hangs);
    wait_until("they are copied", LONG, || uncopied(&world).is_null());
    over(&roads, ": backups were not copied to the second folder");
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_second_folder_within_the_home_is_none() {
    for within in ["", "/backups", "/there/copies", "/runs"] {
        let mut world = World::new();
        world.configure(&format!("[backup]\ncopy_to = '{}{within}'\n", world.home().display()));
        let made = world.run(&["backup", "now"]);
        assert!(made.code == Some(1) && made.stdout.contains("found sound"), "{made:?}");
        assert!(made.stderr.contains("within the home") && made.stderr.contains("another disk"), "{made:?}");
        assert_eq!(world.run(&["backup", "verify"]).code, Some(0));
    }
}

#[test]
fn a_second_folder_gets_the_newest_backup_as_soon_as_its_disk_is_there() {
    let mut world = World::new();
    let disk = world.path("disk");
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.02".into()));
    world.configure(&format!("[backup]\ncopy_to = '{}'\n", disk.join("copies").display()));
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    let made = world.run(&["backup", "now"]);
    assert!(made.code == Some(1) && made.stderr.contains("not copied"), "{made:?}");
    let up = world.up();
    fs::create_dir_all(&disk).unwrap();
    let newest = listed(&world)[0]["name"].as_str().unwrap().to_owned();
    wait_until("it is copied", LONG, || disk.join("copies").join(&newest).exists());
    wait_until("it is noted", LONG, || !world.home().join("backups/uncopied.json").exists());
    assert_eq!(listed(&world)[0]["name"], newest.as_str(), "no other one was needed");
    assert_eq!(up.stop().code, Some(0));
    // Noted, and yet it is there: whoever copied it was killed before he could say so.
    fs::write(world.home().join("backups/uncopied.json"), r#"{"at": 1, "words": "it was not"}"#).unwrap();
    let up = world.up();
    wait_until("it is noted", LONG, || !world.home().join("backups/uncopied.json").exists());
    assert_eq!(up.stop().code, Some(0));
}

/// Whoever was told hears that it is over.
fn over(roads: &Roads, of: &str) {
    let told = |text: &str| text.contains("over after ") && text.contains(of);
    wait_until("it is said to be over", LONG, || roads.deliveries().iter().any(|delivery| told(&delivery.text)));
}

/// One bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}
