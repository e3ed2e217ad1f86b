//! `ask` where no system runs: a private one does the work and goes.

use nix::sys::signal::Signal;

use crate::world::{LONG, World, wait_until};

#[test]
fn a_task_is_answered_where_no_system_runs_and_nothing_is_left() {
    let world = World::new();
    let ended = world.run(&["ask", "look [[tool: Bash ls]] [[say: all is well]]"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("all is well"), "{ended:?}");
    assert!(ended.stdout.contains("rehearsal"), "a rehearsal says so: {ended:?}");
    assert!(ended.stderr.contains("No `claude` was found"), "{ended:?}");
    wait_until("the private system ends", LONG, || !world.run(&["status"]).stdout.contains("is running"));
    assert_eq!(world.count("SELECT COUNT(*) FROM v_owed"), 0);
}

#[test]
fn concurrent_asks_share_one_private_system() {
    let world = World::new();
    let mut asks: Vec<_> = (0..4).map(|n| world.start(&["ask", &format!("[[say: answer {n}]]")])).collect();
    for (n, ask) in asks.drain(..).enumerate() {
        let ended = ask.end(LONG);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains(&format!("answer {n}")), "{ended:?}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 4);
}

#[test]
fn ctrl_c_cancels_the_task_and_its_processes() {
    let world = World::new();
    let mut ask = world.start(&["ask", "[[fork: 600]] [[tool: Bash waiting]] [[hang]]"]);
    ask.wait_for_line("Bash: waiting", LONG);
    ask.signal(Signal::SIGINT);
    let ended = ask.end(LONG);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("cancelled, stopped by the terminal"), "{ended:?}");
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let left = agentlab_platform::identity::marked(&format!("AGENTLAB_RUN={run}")).unwrap();
    assert!(left.is_empty(), "nothing of the run is left: {left:?}");
}

#[test]
fn a_task_given_without_waiting_is_done_all_the_same() {
    let world = World::new();
    let ended = world.run(&["--json", "ask", "--no-wait", "[[sleep: 0.2]] [[say: later]]"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap()["id"], 1);
    wait_until("it is done", LONG, || world.run(&["job", "1"]).stdout.contains("later"));
}

#[test]
fn json_is_one_object_with_everything() {
    let world = World::new();
    let ended = world.run(&["ask", "--json", "[[say: x]]"]);
    let job: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((job["id"].as_i64(), job["state"].as_str()), (Some(1), Some("done")));
    assert_eq!(job["rehearsed"], true);
    for verb in ["status", "doctor", "jobs"] {
        let ended = world.run(&["--json", verb]);
        assert!(serde_json::from_str::<serde_json::Value>(&ended.stdout).is_ok(), "{verb}: {ended:?}");
    }
}

#[test]
fn a_prompt_of_100_000_characters_arrives_whole_and_never_in_an_argument() {
    let world = World::new();
    let text = format!("{} [[say: end]]", "word ".repeat(20_000));
    let ended = world.run(&["ask", &text]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("end"));
    assert_eq!(world.count("SELECT length(prompt) FROM job"), i64::try_from(text.len()).unwrap());
}

#[test]
fn ask_survives_the_death_of_its_private_system() {
    let world = World::new();
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 2]] [[say: survived]]"]);
    ask.wait_for_line("Bash: slow", LONG);
    crate::world::kill_9(world.pid("supervisor", 0));
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("survived"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
    wait_until("nobody is left behind", LONG, || !world.run(&["status"]).stdout.contains("is running"));
}

#[test]
fn with_json_a_failure_is_json_instead() {
    let world = World::new();
    for arguments in [&["--json", "job", "999"][..], &["--json", "sql", "SELEC"], &["--json", "ask", ""]] {
        let ended = world.run(arguments);
        let error: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(error["code"].as_i64(), ended.code.map(i64::from), "{ended:?}");
        assert_eq!(ended.stderr, "", "it is said once");
    }
}

#[test]
fn a_refusal_is_said_once() {
    let mut world = World::new();
    world.configure("[disk]\nfloor_mb = 999999999\n");
    for arguments in [&["ask", "x"][..], &["--json", "ask", "x"], &["ask", "--no-wait", "x"]] {
        let ended = world.run(arguments);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code == Some(69) && all.matches("is nearly full").count() == 1, "{ended:?}");
    }
}

#[test]
fn a_task_is_read_from_standard_input_and_done_in_the_project_that_is_named() {
    let mut world = World::new();
    let (shop, other) = (world.project("shop"), world.project("other"));
    world.configure(&format!(
        "[projects.shop]\npath = '{}'\n[projects.other]\npath = '{}'\n",
        shop.display(),
        other.display()
    ));
    let asked = world.fed(b"[[write: made by hand]]\n[[say: read and done]]\n", &["ask", "-", "--project", "shop"]);
    assert!(asked.code == Some(0) && asked.stdout.contains("read and done"), "{asked:?}");
    assert!(shop.join("made").exists() && !other.join("made").exists());
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE project = 'shop' AND prompt LIKE '%by hand%'"), 1);
    let kept = world.fed(b"[[say: later]]", &["ask", "--no-wait", "--project", "other", "-"]);
    assert!(kept.code == Some(0) && kept.stdout.starts_with("task 2") && !kept.stdout.contains("later"), "{kept:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE project = 'other' AND number = 2"), 1);
}
