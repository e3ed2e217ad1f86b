//! Runs: what their files and rows say, whoever dies. The rules are named as in docs/ARCHITECTURE.md.

use agentlab_platform::identity::{Living, marked};

use crate::world::{LONG, World, kill_9, wait_until};

fn run_id(world: &World) -> String {
    world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn r7_a_run_survives_its_worker_and_is_attached_to_not_repeated() {
    let world = World::new();
    let _up = world.up();
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 2]] [[say: survived]]"]);
    ask.wait_for_line("Bash: slow", LONG);
    let slot = world.count("SELECT slot FROM v_workers WHERE task = 1");
    kill_9(world.pid("worker", slot));
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("survived"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn r1_to_r6_kill_9_of_the_worker_between_any_two_steps_of_a_run_answers_once() {
    let points = ["start-begin", "start-shim", "start-started", "finish-begin", "finish-end"];
    for point in points {
        let mut world = World::new();
        let log = world.path("log");
        world.env.push(("AGENTLAB_TEST_KILL_AT".into(), format!("{point}:{}", world.path("killed").display())));
        let _up = world.up();
        let ended = world.run(&["ask", &format!("[[append: {} ran]] [[say: answered]]", log.display())]);
        assert_eq!(ended.code, Some(0), "{point}: {ended:?}");
        assert!(ended.stdout.starts_with("answered"), "{point}: {ended:?}");
        wait_until("it was killed", LONG, || world.path("killed").exists());
        let ran = std::fs::read_to_string(&log).unwrap().lines().count();
        assert_eq!(ran, 1, "{point}: the agent worked once");
    }
}

#[test]
fn r4_r8_nothing_of_a_run_is_left_when_it_ends_by_itself() {
    let world = World::new();
    let ended = world.run(&["ask", "[[fork: 600]] [[fork: 600]] [[say: done]]"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(marked(&format!("AGENTLAB_RUN={}", run_id(&world))).unwrap(), []);
}

#[test]
fn r3_a_run_whose_shim_and_agent_were_killed_is_settled_as_lost_and_run_again() {
    let mut world = World::new();
    let marker = world.path("first");
    // The first run hangs, the second finds the file and answers.
    let script = world.path("bin/agent.sh");
    let program = env!("CARGO_BIN_EXE_agentlab");
    crate::world::write_script(
        &script,
        &format!(
            "#!/bin/sh\nif [ ! -e {0} ]; then touch {0}; exec sleep 600; fi\nexec {program} rehearse \"$@\"\n",
            marker.display()
        ),
    );
    world.configure(&format!("[agent]\ncommand = '{}'\n", script.display()));
    let _up = world.up();
    let ask = world.start(&["ask", "[[say: second try]]"]);
    wait_until("the first run hangs", LONG, || marker.exists());
    let run = run_id(&world);
    let mut processes = Vec::new();
    wait_until("shim and agent are there", LONG, || {
        processes = marked(&format!("AGENTLAB_RUN={run}")).unwrap();
        processes.len() >= 2
    });
    for process in &processes {
        agentlab_platform::spawn::signal(process, agentlab_platform::spawn::Wish::Kill);
    }
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("second try"), "{ended:?}");
    assert!(processes.iter().all(|process| process.living() == Living::No));
    let outcomes = world.sql("SELECT outcome FROM run ORDER BY attempt");
    assert_eq!((outcomes[0]["outcome"].as_str(), outcomes[1]["outcome"].as_str()), (Some("lost"), Some("succeeded")));
}

#[test]
fn outcomes_decide_what_follows() {
    let world = World::new();
    let _up = world.up();
    let table = [
        ("[[fail: 400]]", "failed", 1, "Claude refused the request"),
        ("[[fail: 529]]", "failed", 3, "Claude was not available"),
        ("[[exit: 3]]", "failed", 3, "exit code 3"),
        ("[[deny: Bash]] [[say: did it]]", "done", 1, "Not permitted: Bash"),
        ("[[noise: 3000000]] [[say: heard]]", "done", 1, "heard"),
    ];
    let asks: Vec<_> = table.iter().map(|(prompt, ..)| world.start(&["--json", "ask", prompt])).collect();
    for (ask, (prompt, state, attempts, words)) in asks.into_iter().zip(table) {
        let ended = ask.end(LONG);
        let job: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((job["state"].as_str(), job["attempts"].as_i64()), (Some(state), Some(attempts)), "{prompt}: {job}");
        assert!(job["answer"].as_str().unwrap().contains(words), "{prompt}: {job}");
    }
}

#[test]
fn a_run_that_is_silent_or_endless_is_stopped_and_says_so() {
    let mut world = World::new();
    world.configure("[agent]\nno_progress_minutes = 1\n");
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.03".into()));
    let ended = world.run(&["ask", "[[tool: Bash once]] [[hang]]"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("no progress"), "{ended:?}");
}

#[test]
fn a_child_gets_no_secret_of_ours() {
    let mut world = World::new();
    world.configure("[telegram]\ntoken = '123456:AAsecretsecret'\n");
    world.rehearse();
    world.env.push(("AGENTLAB_TELEGRAM__ALLOWED_USERS".into(), "[1]".into()));
    world.env.push(("MY_COPY".into(), "x 123456:AAsecretsecret x".into()));
    world.env.push(("HARMLESS".into(), "yes".into()));
    let ended = world.run(&["ask", "[[env]]"]);
    assert!(ended.stdout.contains("HARMLESS=yes") && ended.stdout.contains("AGENTLAB_RUN="), "{ended:?}");
    assert!(!ended.stdout.contains("AAsecretsecret") && !ended.stdout.contains("AGENTLAB_TELEGRAM"), "{ended:?}");
    for entry in walk(&world.home()) {
        if entry.file_name().is_some_and(|name| name != "config.toml") {
            let bytes = std::fs::read(&entry).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains("AAsecretsecret"), "{entry:?}");
        }
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn an_agent_hears_signals_though_its_shim_is_deaf_to_them() {
    let world = World::new();
    let mut ask = world.start(&["ask", "[[tool: Bash waits]] [[hang]]"]);
    ask.wait_for_line("Bash: waits", LONG);
    let mask = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.lines().find(|line| line.starts_with("SigBlk")).unwrap().split_whitespace().nth(1).unwrap().to_owned()
    };
    let masks: Vec<bool> = marked(&format!("AGENTLAB_RUN={}", run_id(&world)))
        .unwrap()
        .iter()
        .map(|process| i64::from_str_radix(&mask(process.pid), 16).unwrap() == 0)
        .collect();
    assert_eq!(masks.iter().filter(|clear| **clear).count(), 1, "the agent: {masks:?}");
    assert_eq!(masks.iter().filter(|clear| !**clear).count(), 1, "the shim: {masks:?}");
    let asked = std::time::Instant::now();
    ask.signal(nix::sys::signal::Signal::SIGINT);
    let ended = ask.end(LONG);
    assert!(ended.stdout.contains("cancelled"), "{ended:?}");
    // The grace is 3 s here: it went before that.
    assert!(asked.elapsed() < std::time::Duration::from_secs(3), "it was asked, not killed");
}

#[test]
fn what_tools_print_is_no_word_of_the_agent_about_its_session_or_its_login() {
    let mut world = World::new();
    let script = world.path("bin/agent.sh");
    let program = env!("CARGO_BIN_EXE_agentlab");
    crate::world::write_script(
        &script,
        &format!(
            "#!/bin/sh\n{program} rehearse \"$@\"; code=$?\n\
             echo 'Error: listen EADDRINUSE: address already in use :::3000' >&2\n\
             echo 'TypeError: fetch failed: http://localhost:3000/login' >&2\nexit $code\n"
        ),
    );
    world.configure(&format!("[agent]\ncommand = '{}'\n[retry]\nmax_attempts = 1\n", script.display()));
    let _up = world.up();
    let ended = world.run(&["ask", "[[say: well]]"]);
    assert_eq!(ended.stdout, "well", "{ended:?}");
    let ended = world.run(&["ask", "[[exit: 3]]"]);
    assert_eq!(ended.code, Some(1), "failed, and nobody is logged out: {ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 2, "each once");
    assert_eq!(world.run(&["ask", "[[say: after it]]"]).stdout, "after it");
}
