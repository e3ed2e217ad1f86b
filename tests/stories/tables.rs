//! What is printed, on a terminal and into a pipe: a table fits the one and is whole in the other, and colours are for who sees
//! them. And which tasks are listed.

use std::process::Command;

use console::measure_text_width;

use crate::world::{LONG, World, wait_until};

const WIDE: &str =
    "データベースを直してください 🙂 and then tell me what was wrong with it, in every detail that you know";

/// A world with an ended task of long words, and one that was cancelled.
fn world() -> World {
    let mut world = World::new();
    let shop = world.project("shop");
    world.configure(&format!("[projects.shop]\npath = '{}'\n", shop.display()));
    for prompt in [WIDE, "[[fail: 400]] short"] {
        world.run(&["ask", "--project", "shop", prompt]);
    }
    world
}

fn widest(text: &str) -> usize {
    text.split(['\n', '\r']).map(measure_text_width).max().unwrap_or_default()
}

#[test]
fn a_table_fits_the_terminal_and_is_whole_in_a_pipe() {
    let world = world();
    for verb in [&["jobs", "--all"][..], &["sql", "SELECT * FROM v_runs"], &["sql", "SELECT * FROM job"]] {
        for columns in [60, 200] {
            let (code, shown) = world.on_terminal(columns, verb);
            assert_eq!(code, Some(0), "{shown}");
            // So many columns cannot be so narrow: they are as narrow as they may be.
            if verb[0] == "jobs" {
                assert!(widest(&shown) <= columns.into(), "{columns}: {shown}");
                assert_eq!(shown.contains("in every detail that you know"), columns == 200, "{shown}");
                assert_eq!(shown.contains('…'), columns == 60, "{shown}");
            }
        }
        let piped = world.run(verb).stdout;
        assert!(!piped.contains('…') && !piped.contains('\u{1b}'), "{piped}");
        if verb[1] != "SELECT * FROM v_runs" {
            assert!(piped.contains(WIDE), "{piped}");
        }
    }
    // A prompt of one line of any length is not a table's row, and turns no direction.
    let long = format!("\u{202e}[[say: x]] {}", "y".repeat(3000));
    assert_eq!(world.run(&["ask", "--project", "shop", &long]).code, Some(0));
    let piped = world.run(&["jobs", "--all"]).stdout;
    let (row, rest) = piped.lines().skip(1).partition::<Vec<&str>, _>(|line| line.starts_with("3 "));
    assert_eq!((row.len(), rest.len()), (1, 2), "{piped}");
    // Two hundred letters with the mark, which is dropped, and the `…`.
    let cut = format!("  [[say: x]] {}…", "y".repeat(200 - 13));
    assert!(row[0].contains(&cut) && !piped.contains('\u{202e}'), "{row:?}");
}

#[test]
fn the_tables_of_status_fit_a_narrow_terminal_and_no_number_is_cut() {
    let world = world();
    let (code, shown) = world.on_terminal(60, &["status"]);
    assert_eq!(code, Some(0), "{shown}");
    let lines: Vec<&str> = shown.lines().map(|line| line.trim_end_matches('\r')).collect();
    let reports = lines.iter().position(|line| line.starts_with("last ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(lines[reports].contains("50 %, 95 % in"), "its head is not cut: {shown}");
    for line in &lines[reports..] {
        assert!(measure_text_width(line) <= 60, "{} columns: {line}\n{shown}", measure_text_width(line));
    }
    for (line, days) in lines[reports + 1..].iter().zip(["7 days", "30 days"]) {
        assert!(line.starts_with(days) && line.contains('$') && !line.contains('…'), "{line}");
    }
}

#[test]
fn colours_are_for_terminals_that_have_them() {
    let mut world = world();
    let coloured = |world: &World| world.on_terminal(100, &["jobs", "--all"]).1.contains("\u{1b}[32mdone");
    assert!(coloured(&world));
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
        world.env.push((name.into(), value.into()));
        assert!(!coloured(&world), "{name}={value}");
        world.env.pop();
    }
    world.env.push(("CLICOLOR_FORCE".into(), "1".into()));
    assert!(world.run(&["jobs", "--all"]).stdout.contains("\u{1b}[32mdone"));
}

#[test]
fn progress_keeps_to_one_line_of_a_terminal_and_writes_none_of_it_into_a_pipe() {
    let world = World::new();
    let task = format!("[[tool: Bash {WIDE}]] [[sleep: 1]] [[say: at last]]");
    let (code, shown) = world.on_terminal(60, &["ask", &task]);
    assert_eq!(code, Some(0), "{shown}");
    let progress: Vec<&str> = shown.split(['\n', '\r']).filter(|line| line.contains("Bash: ")).collect();
    assert!(!progress.is_empty() && progress.iter().all(|line| measure_text_width(line) <= 60), "{progress:#?}");
    let piped = world.run(&["ask", &task]);
    assert!(piped.stdout.starts_with("at last"), "{}", piped.stdout);
    assert!(!piped.stderr.contains(['\u{1b}', '\r']) && piped.stderr.contains("Bash: "), "{}", piped.stderr);
}

#[test]
fn tasks_are_listed_by_project_state_words_and_page() {
    let world = world();
    let listed = |arguments: &[&str]| {
        let all = [&["--json", "jobs"][..], arguments].concat();
        let jobs: Vec<serde_json::Value> = serde_json::from_str(&world.run(&all).stdout).unwrap();
        jobs.iter().map(|job| job["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&["--all"]), [2, 1], "newest first");
    assert_eq!(listed(&[]), [0_i64; 0], "nothing runs");
    assert_eq!(listed(&["--all", "--project", "shop"]), [2, 1]);
    assert_eq!(listed(&["--all", "--project", "other"]), [0_i64; 0]);
    assert_eq!(listed(&["--state", "failed"]), [2]);
    assert_eq!(listed(&["--search", "EVERY DETAIL"]), [1]);
    assert_eq!(listed(&["--before", "2"]), [1]);
    assert_eq!(world.run(&["jobs", "--state", "gone"]).code, Some(2));
    assert!(world.run(&["jobs", "--search", "nobody wrote this"]).stdout.contains("no task is like that"));
}

#[test]
fn without_a_readable_database_status_says_what_it_knows_all_the_same() {
    let world = World::new();
    let fresh = world.run(&["status"]);
    assert!(fresh.code == Some(0) && fresh.stdout.contains("is not running"), "{fresh:?}");
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    up.stop();
    let dead = world.run(&["status"]);
    assert!(
        dead.code == Some(0) && dead.stdout.contains("is not running"),
        "every process dead, read from rows: {dead:?}"
    );
    let database = world.home().join("agentlab.db");
    let kept = world.path("kept.db");
    std::fs::rename(&database, &kept).unwrap();
    // With it all that it could be restored from.
    std::fs::remove_file(world.home().join("intake.jsonl")).unwrap();
    for of_it in ["backups", "journal"] {
        let _ = std::fs::remove_dir_all(world.home().join(of_it));
    }
    let gone = world.run(&["status"]);
    assert_eq!(gone.code, Some(69), "{gone:?}");
    assert!(gone.stdout.contains("agentlab.db is gone") && gone.stdout.contains("worker-1"), "{gone:?}");
    assert!(!database.exists(), "it is not made anew by who only looks");
    // What is in the log would be read instead.
    for of_it in ["agentlab.db-wal", "agentlab.db-shm"] {
        let _ = std::fs::rename(world.home().join(of_it), world.path(of_it));
    }
    std::fs::write(&database, [7_u8; 8192]).unwrap();
    let corrupt = world.run(&["--json", "status"]);
    assert_eq!(corrupt.code, Some(69), "{corrupt:?}");
    let read: serde_json::Value = serde_json::from_str(&corrupt.stdout).unwrap();
    assert!(read["database"].as_str().unwrap().contains("not a database"), "{read}");
    assert_eq!((&read["running"], &read["processes"][0]["state"]), (&false.into(), &"down".into()), "{read}");
    for of_it in ["agentlab.db-wal", "agentlab.db-shm"] {
        let _ = std::fs::remove_file(world.home().join(of_it));
        let _ = std::fs::rename(world.path(of_it), world.home().join(of_it));
    }
    std::fs::rename(&kept, &database).unwrap();
    assert_eq!(world.run(&["status"]).code, Some(0));
}

#[test]
fn while_somebody_keeps_the_database_whole_status_names_him() {
    let mut world = World::new();
    world.up().stop();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let ready = world.path("ready");
    let script = format!(
        "import sqlite3,sys\nc=sqlite3.connect('{}',isolation_level=None)\nc.execute('PRAGMA locking_mode=EXCLUSIVE')\n\
         c.execute('BEGIN EXCLUSIVE')\nopen('{}','w').close()\nsys.stdin.read()\n",
        world.home().join("agentlab.db").display(),
        ready.display()
    );
    let mut holder = Command::new("python3").args(["-c", &script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    wait_until("it is locked", LONG, || ready.exists());
    let locked = world.run(&["status"]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(locked.code, Some(69), "{locked:?}");
    assert!(locked.stdout.contains("it is locked") && locked.stdout.contains("worker-1"), "{locked:?}");
    if cfg!(target_os = "linux") {
        assert!(locked.stdout.contains(&format!("(pid {})", holder.id())), "{locked:?}");
    }
}
