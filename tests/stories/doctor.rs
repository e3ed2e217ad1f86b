//! `doctor`: each fault is planted, found, and told with what to do about it.

use std::{io::Write, net::TcpListener, os::unix::fs::PermissionsExt};

use agentlab_stand_ins::BotApi;
use serde_json::Value;

use crate::world::{UserManager, World, write_script};

/// What `doctor` finds, and its exit code.
fn examine(world: &World) -> (Option<i32>, Vec<Value>) {
    let ended = world.run(&["--json", "doctor"]);
    (ended.code, serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}")))
}

/// The fault is there with this verdict, says this, and has a remedy; and its verdict decides the exit code.
fn expect(world: &World, id: &str, verdict: &str, words: &str) {
    let (code, found) = examine(world);
    let one = found.iter().find(|finding| finding["id"] == id && finding["verdict"] == verdict);
    let one = one.unwrap_or_else(|| panic!("no {verdict} of {id}: {found:#?}"));
    assert!(one["what"].as_str().unwrap().contains(words), "{one}");
    assert!(one["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{one}");
    let any = found.iter().any(|finding| finding["verdict"] == "problem");
    assert_eq!(code, Some(i32::from(any)), "{found:#?}");
    assert!(verdict != "problem" || any);
}

fn nothing_of(world: &World, id: &str) {
    let (_, found) = examine(world);
    assert!(!found.iter().any(|finding| finding["id"] == id && finding["verdict"] != "ok"), "{found:#?}");
}

#[test]
fn a_well_machine_has_no_problem_and_says_what_was_looked_at() {
    let world = World::new();
    let (code, found) = examine(&world);
    assert_eq!(code, Some(0), "{found:#?}");
    for id in ["home", "config", "agent", "git", "database", "disk"] {
        assert!(found.iter().any(|finding| finding["id"] == id && finding["verdict"] == "ok"), "{id}: {found:#?}");
    }
    let words = world.run(&["doctor"]).stdout;
    assert!(
        words.lines().all(|line| ["ok   ", "warn ", "     -> "].iter().any(|begin| line.starts_with(begin))),
        "{words}"
    );
}

#[test]
fn programs_that_agents_need_are_looked_for() {
    let mut world = World::new();
    // By its own word, and without a question to the API.
    let claude = |said: &str| {
        write_script(
            &world.path("bin/claude"),
            &format!("#!/bin/sh\n[ \"$1\" = auth ] && echo '{said}' || echo 2.1.197\n"),
        );
    };
    claude(r#"{"loggedIn": false}"#);
    expect(&world, "login", "problem", "is not logged in");
    claude(r#"{"loggedIn": true, "authMethod": "claude.ai"}"#);
    nothing_of(&world, "login");
    claude("what is auth?");
    nothing_of(&world, "login");
    world.env.push(("PATH".into(), world.path("bin").display().to_string()));
    expect(&world, "git", "warning", "git does not answer");
}

#[test]
fn the_machine_is_looked_at() {
    let mut world = World::new();
    let taken = TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    expect(&world, "port", "problem", &format!("port {}", world.port));
    if cfg!(target_os = "linux") {
        expect(&world, "port", "problem", &format!("(pid {})", std::process::id()));
    }
    drop(taken);
    nothing_of(&world, "port");

    let config = world.home().join("config.toml");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    expect(&world, "rights", "warning", "can be read by others");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    nothing_of(&world, "rights");

    let socket = world.home().join("run/bot.sock");
    std::fs::write(&socket, "").unwrap();
    expect(&world, "socket", "problem", "is no socket");
    std::fs::remove_file(&socket).unwrap();
    let lock = world.home().join("run/worker-2.lock");
    let _ = std::fs::remove_file(&lock);
    std::fs::create_dir(&lock).unwrap();
    expect(&world, "lock", "problem", "nobody can be worker-2");
    std::fs::remove_dir(&lock).unwrap();
    nothing_of(&world, "lock");

    world.env.push((crate::world::DISK_PERCENT.into(), "1".into()));
    expect(&world, "disk", "problem", "% full in ");
}

#[tokio::test]
async fn the_database_is_looked_into() {
    use sqlx::{ConnectOptions, Connection};
    let world = World::new();
    nothing_of(&world, "database");
    let path = world.home().join("agentlab.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    sqlx::query("INSERT INTO job_lane (job_id, lane, head) VALUES ('nobody', 'l', 0)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    expect(&world, "database", "problem", "1 rows name a row that is not there");
    let wal = world.home().join("agentlab.db-wal");
    let mut file = std::fs::File::create(&wal).unwrap();
    file.write_all(b"no log").unwrap();
    file.set_len(100 << 20).unwrap();
    drop(file);
    expect(&world, "wal", "warning", "100 MiB");
}

#[test]
fn the_newest_backup_is_tried() {
    let world = World::new();
    nothing_of(&world, "backup");
    assert_eq!(world.run(&["ask", "[[say: worth keeping]]"]).code, Some(0));
    for folder in std::fs::read_dir(world.home().join("backups")).into_iter().flatten().filter_map(Result::ok) {
        std::fs::remove_dir_all(folder.path()).unwrap();
    }
    expect(&world, "backup", "warning", "there is none yet");
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    nothing_of(&world, "backup");
    let doctor = world.run(&["doctor"]);
    assert!(doctor.stdout.contains("can be restored (1 task)"), "{doctor:?}");
    let folder = std::fs::read_dir(world.home().join("backups")).unwrap().find_map(Result::ok).unwrap().path();
    // Made long ago, as its own record says.
    let record = folder.join("backup.json");
    let was = std::fs::read_to_string(&record).unwrap();
    let mut old: Value = serde_json::from_str(&was).unwrap();
    old["at"] = 1_000_000_000_000_i64.into();
    std::fs::write(&record, old.to_string()).unwrap();
    expect(&world, "backup", "warning", "old");
    std::fs::write(&record, was).unwrap();
    let copy = folder.join("agentlab.db");
    let mut bytes = std::fs::read(&copy).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    expect(&world, "backup", "problem", "cannot be restored");
}

#[test]
fn a_second_folder_that_lacks_the_newest_backup_and_backups_of_which_none_is_sound_are_told() {
    let mut world = World::new();
    assert_eq!(world.run(&["ask", "[[say: worth keeping]]"]).code, Some(0));
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    let second = world.path("second");
    world.configure(&format!("[backup]\ncopy_to = '{}'\n", second.display()));
    expect(&world, "backup", "warning", "it is not in");
    assert_eq!(world.run(&["backup", "now"]).code, Some(0));
    nothing_of(&world, "backup");
    for folder in std::fs::read_dir(world.home().join("backups")).unwrap().flatten() {
        std::fs::write(folder.path().join("agentlab.db"), "").unwrap();
    }
    assert_eq!(world.run(&["backup", "verify"]).code, Some(1));
    expect(&world, "backup", "problem", "none of them is sound");
}

#[test]
fn a_damaged_database_is_told_with_the_newest_sound_backup_and_what_restores_it() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: worth keeping]]"]).code, Some(0));
    // Whoever still has it open would write it whole again.
    world.wait_for_quiet();
    let names: Vec<String> = (0..2)
        .map(|_| {
            let made = world.run(&["--json", "backup", "now"]);
            let made: Value = serde_json::from_str(&made.stdout).unwrap();
            made["backup"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let path = world.home().join("agentlab.db");
    for log in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(path.with_extension(log));
    }
    std::fs::write(&path, vec![7; 8192]).unwrap();
    // The newest one is bad too.
    std::fs::write(world.home().join("backups").join(&names[1]).join("agentlab.db"), "torn").unwrap();
    expect(&world, "database", "problem", "is damaged");
    let (_, found) = examine(&world);
    let remedy = found.iter().find(|one| one["id"] == "database").unwrap()["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains(&names[0]) && !remedy.contains(&names[1]), "{remedy}");
    // What it says to do helps, and it was not done for the question.
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 8192);
    assert!(remedy.contains("`agentlab backup restore`"), "{remedy}");
    assert_eq!(world.run(&["backup", "restore"]).code, Some(0));
    assert!(world.run(&["job", "1"]).stdout.contains("worth keeping"));
}

#[test]
fn a_clock_that_is_far_from_telegrams_is_said() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut asked in server.incoming().map_while(Result::ok) {
            let mut some = [0; 1024];
            let _ = std::io::Read::read(&mut asked, &mut some);
            let _ = asked.write_all(b"HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    world.env.push(("AGENTLAB_TELEGRAM__API_URL".into(), format!("http://{address}")));
    expect(&world, "clock", "problem", "s off, by Telegram's");
}

#[test]
fn a_recovery_in_progress_is_said_while_its_owner_lives() {
    use agentlab_platform::{home::Home, recovery};
    let world = World::new();
    nothing_of(&world, "recovery");
    let home = Home::at(world.home()).unwrap();
    let hold = recovery::take(&home, "an update", std::time::Duration::from_mins(10)).unwrap();
    let words = format!("an update is in progress (process {}", std::process::id());
    expect(&world, "recovery", "warning", &words);
    // Whoever is dead does nothing any more, whatever he left behind.
    let path = world.home().join("run/recovery-in-progress");
    let left = std::fs::read_to_string(&path).unwrap();
    drop(hold);
    nothing_of(&world, "recovery");
    let mut void: Value = serde_json::from_str(&left).unwrap();
    void["owner"]["start"] = 1.into();
    std::fs::write(&path, void.to_string()).unwrap();
    nothing_of(&world, "recovery");
}

#[test]
fn what_the_services_find_otherwise_is_said() {
    let mut world = World::new();
    let none = world.run(&["doctor", "--service"]);
    assert_eq!(none.code, Some(69), "{none:?}");
    let Some(_manager) = UserManager::start(&mut world) else { return };
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    let same = world.run(&["doctor", "--service"]);
    assert!(same.stdout.contains("the services find the same as this shell"), "{same:?}");
    // Put where only this shell looks, after they were installed.
    let late = world.path("late");
    std::fs::create_dir(&late).unwrap();
    write_script(&late.join("claude"), "#!/bin/sh\n[ \"$1\" = auth ] && echo '{\"loggedIn\": true}' || echo 2.1.197\n");
    world.env.push(("PATH".into(), format!("{}:{}:/usr/bin:/bin", late.display(), world.path("bin").display())));
    let differs = world.run(&["doctor", "--service"]).stdout;
    assert!(differs.contains("otherwise than this shell"), "{differs}");
    assert!(
        differs.contains("here: ok   agent: ") && differs.contains("service: ok   agent: no `claude`"),
        "{differs}"
    );
}
