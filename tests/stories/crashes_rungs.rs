//! The rungs Reset and Capped: what stands in the way in `run/` is put right without a person, and of what cannot be put right
//! the owner gets a diagnosis, once.

use std::fs;

use agentlab_stand_ins::BotApi;

use super::starting::install;
use crate::world::{ANN, LONG, World, kill_9, wait_until, write_script};

/// What was done for a component, oldest first: `rung changed`.
fn rungs(world: &World, process: &str) -> Vec<String> {
    let rows = world.sql("SELECT process, rung, changed FROM v_recoveries");
    let own = rows.iter().rev().filter(|row| row["process"] == process);
    own.map(|row| format!("{} {}", row["rung"].as_str().unwrap(), row["changed"])).collect()
}

/// What was moved aside, by the beginning of its name.
fn aside(world: &World, name: &str) -> Option<std::path::PathBuf> {
    let mut entries = fs::read_dir(world.home().join("run")).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}.aside-")))
}

#[test]
fn what_stands_in_the_way_of_a_process_is_moved_aside_and_it_starts() {
    let world = World::new();
    let run = world.home().join("run");
    fs::create_dir_all(run.join("worker-2.sock")).unwrap();
    fs::write(run.join("worker-2.sock/letter"), "precious").unwrap();
    fs::create_dir_all(run.join("console.pulse")).unwrap();
    let _up = world.up();
    let letter = aside(&world, "worker-2.sock").unwrap().join("letter");
    assert_eq!(fs::read_to_string(letter).unwrap(), "precious");
    assert!(aside(&world, "console.pulse").unwrap().is_dir());
    for process in ["worker-2", "console"] {
        wait_until("what was done has its rows", LONG, || rungs(&world, process) == ["end_holders 0", "reset 1"]);
    }
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    // Nothing else was touched for it.
    assert_eq!(world.count("SELECT COUNT(*) FROM v_recoveries"), 4);
}

#[test]
fn where_a_lock_is_no_file_nothing_is_started_and_it_is_said() {
    for name in ["worker-1", "supervisor"] {
        let world = World::new();
        fs::create_dir_all(world.home().join(format!("run/{name}.lock"))).unwrap();
        let ended = world.run(&["up"]);
        assert_eq!(ended.code, Some(69), "{ended:?}");
        let words = format!("is no file, and the lock of {name} belongs there: move it away");
        assert!(ended.stderr.contains(&words), "{ended:?}");
    }
}

#[test]
fn of_what_does_not_start_the_owner_gets_a_diagnosis_once_and_it_is_healed_when_the_cause_is_gone() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let real = std::mem::take(&mut world.program);
    world.program = world.path("bin/agentlab");
    install(&real, &world.program);
    let mut up = world.up();
    let first = world.pid("console", 0);
    // A release whose console breaks at its start.
    let release = world.path("release");
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = console ]; then echo 'panicked: no {} here' >&2; exit 101; fi\nexec {} \"$@\"\n",
        api.token(),
        real.display()
    );
    write_script(&release, &text);
    install(&release, &world.program);
    kill_9(first);
    let line = up.wait_for_line("console: does not start", LONG);
    assert!(line.contains("Its last words: \"panicked: no [secret] here\"."), "{line}");
    let told = || api.messages(ANN).into_iter().filter(|message| message.text.contains("console does not start"));
    wait_until("the owner is told", LONG, || told().count() == 1);
    let text = told().next().unwrap().text;
    // Once more where the WAL held something: that was a change, so another start might have helped.
    let tried = ["2", "3"].iter().any(|times| text.contains(&format!("it was tried {times} times")));
    assert!(tried && text.contains("`agentlab doctor`"), "{text}");
    let path = text.split("What is known is in ").nth(1).and_then(|rest| rest.split(';').next()).unwrap().to_owned();
    let diagnosis = fs::read_to_string(path).unwrap();
    for expected in [
        "== matter\nconsole does not start",
        "== log: console.",
        "== last words: console.err\npanicked: no [secret] here",
        "exit code 101: panicked: no [secret] here",
        "console: nobody is there",
        "\"queued\": 0",
    ] {
        assert!(diagnosis.contains(expected), "{expected:?} in {diagnosis}");
    }
    assert!(!diagnosis.contains(&api.token()));
    // The others work meanwhile.
    assert_eq!(world.run(&["ask", "[[say: well]]"]).code, Some(0));
    install(&real, &world.program);
    wait_until("it is ready again", LONG, || {
        world.count(&format!(
            "SELECT COUNT(*) FROM process WHERE role = 'console' AND pid <> {first} AND ready_at IS NOT NULL"
        )) == 1
    });
    assert_eq!(told().count(), 1, "once in a climb");
    wait_until("it has its rows", LONG, || rungs(&world, "console").last().is_some_and(|last| last == "capped 1"));
}
