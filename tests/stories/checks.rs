//! Checks after a run: what is run, what is told of it, and that nothing of them is left, whoever dies.

use std::path::{Path, PathBuf};

use agentlab_platform::identity::{Identity, marked};
use nix::sys::signal::Signal;

use crate::world::{LONG, World, kill_9, wait_until};

/// A world with a project `shop` that has these checks.
fn shop(checks: &[&str]) -> (World, PathBuf) {
    let mut world = World::new();
    let path = world.project("shop");
    configure(&mut world, &path, checks);
    (world, path)
}

fn configure(world: &mut World, path: &Path, checks: &[&str]) {
    world.configure(&format!("[projects.shop]\npath = '{}'\nchecks = {checks:?}\n", path.display()));
}

fn run_id(world: &World) -> String {
    world.sql("SELECT id FROM run ORDER BY claimed_at DESC")[0]["id"].as_str().unwrap().to_owned()
}

fn left(world: &World) -> Vec<Identity> {
    marked(&format!("AGENTLAB_RUN={}", run_id(world))).unwrap()
}

/// A check that says when it began, and then takes long.
fn endless(began: &Path) -> String {
    format!("sleep 600 & echo $$ >{}; sleep 600", began.display())
}

#[test]
fn what_passed_and_what_failed_is_in_the_answer_and_the_task_is_done() {
    let (world, path) =
        shop(&["test -e made", "echo to the screen; echo to errors >&2; exit 7", "kill -9 $$", "echo last >>order"]);
    let ended = world.run(&["ask", "--project", "shop", "[[write: made x]] [[say: did it]]"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("did it\n"), "{ended:?}");
    for words in [
        "**Check failed:** `echo to the screen; echo to errors >&2; exit 7` (exit code 7)\n```\nto the screen\nto errors\n```",
        "**Check failed:** `kill -9 $$` (ended by signal 9)",
        "Checks passed: `test -e made`, `echo last >>order`",
    ] {
        assert!(ended.stdout.contains(words), "{words}\n{ended:?}");
    }
    assert_eq!(std::fs::read_to_string(path.join("order")).unwrap(), "last\n", "run once, though one before it failed");
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE outcome = 'succeeded'"), 1);
    let recorded = std::fs::read(world.home().join("runs").join(run_id(&world)).join("checks.json")).unwrap();
    let recorded: serde_json::Value = serde_json::from_slice(&recorded).unwrap();
    assert_eq!(recorded[1]["code"], 7);
    assert_eq!(recorded[2]["signal"], 9);
    assert!(recorded[3]["ms"].is_u64(), "{recorded}");
}

#[test]
fn checks_are_not_run_after_an_agent_that_failed() {
    let (world, path) = shop(&["touch checked"]);
    for prompt in ["[[fail: 400]]", "[[exit: 3]]"] {
        let ended = world.run(&["ask", "--project", "shop", prompt]);
        assert!(ended.code == Some(1) && !ended.stdout.contains("heck"), "{ended:?}");
    }
    assert!(!path.join("checked").exists());
}

#[test]
fn checks_are_not_run_in_a_directory_that_has_only_the_name_of_the_project() {
    let mut world = World::new();
    let path = world.project("somewhere");
    world.configure(&format!("[projects.user]\npath = '{}'\nchecks = ['touch checked']\n", path.display()));
    // Without a project `ask` works where it stands, which is `user`.
    let ended = world.run(&["ask", "[[say: here]]"]);
    assert!(ended.stdout.starts_with("here") && !ended.stdout.contains("heck"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE project = 'user'"), 1);
    assert!(!world.path("user/checked").exists());
    let ended = world.run(&["ask", "--project", "user", "[[say: here]]"]);
    assert!(ended.stdout.contains("Checks passed: `touch checked`"), "{ended:?}");
}

#[test]
fn a_cancel_during_a_long_check_ends_it_and_leaves_nothing() {
    let mut world = World::new();
    let (path, began) = (world.project("shop"), world.path("began"));
    // Without a shell of its own: some shells clear the mask of signals for what they start.
    let check = format!("sleep 600 & echo $$ >{}; exec sleep 600", began.display());
    configure(&mut world, &path, &["true", &check, "touch too-far"]);
    let ask = world.start(&["ask", "--project", "shop", "[[say: did it]]"]);
    wait_until("the check began", LONG, || began.exists());
    let asked = std::time::Instant::now();
    ask.signal(Signal::SIGINT);
    let ended = ask.end(LONG);
    assert!(ended.stdout.contains("cancelled, stopped by"), "{ended:?}");
    assert_eq!(left(&world), []);
    // The grace is 3 s here: the check heard the wish to end.
    assert!(asked.elapsed() < std::time::Duration::from_secs(3), "it was asked, not killed");
    assert!(!path.join("too-far").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn what_checks_leave_behind_is_ended() {
    let mut world = World::new();
    let (path, pids) = (world.project("shop"), world.path("pids"));
    let stray = |before: &str, inside: &str| {
        let words = format!("{inside} echo $$ >>{}; exec sleep 600", pids.display());
        format!("({before} sh -c '{words}' >/dev/null 2>&1 &); exit 0")
    };
    let env = "setsid env -i PATH=/usr/bin:/bin";
    let checks = [stray("", ""), stray("setsid", ""), stray(env, ""), stray("setsid", "trap \"\" TERM INT HUP;")];
    configure(&mut world, &path, &checks.each_ref().map(String::as_str));
    let ended = world.run(&["ask", "--project", "shop", "[[fork: 600]] [[say: did it]]"]);
    assert!(ended.stdout.contains("Checks passed: `(") && !ended.stdout.contains("Check failed"), "{ended:?}");
    assert_eq!(left(&world), []);
    // One of them had let go of the mark.
    let pids: Vec<String> = std::fs::read_to_string(pids).unwrap_or_default().lines().map(str::to_owned).collect();
    let lives = |pid: &&String| {
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with("sleep")
    };
    assert_eq!(pids.iter().filter(lives).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_time_limit_holds_for_checks_and_costs_no_answer_and_silence_does_not_hold() {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.03".into()));
    world.configure("[agent]\nno_progress_minutes = 1\nmax_run_minutes = 4\n");
    let path = world.project("shop");
    // Silent for 1.8 s is too long for an agent, and 7.2 s for a whole run. Asked to end, the second one claims success.
    let claims = "trap 'echo asked; exit 0' INT; sleep 600 & wait";
    configure(&mut world, &path, &["sleep 3", claims, "touch too-far", "touch further"]);
    let ended = world.run(&["ask", "--project", "shop", "[[say: did it]]"]);
    let words = format!(
        "did it\n\n**Check failed:** `{claims}` (ended by the time limit of the run)\n```\nasked\n```\n\n\
         Checks passed: `sleep 3`\n\n**Checks not run:** `touch too-far`, `touch further` (the run had reached its time limit)"
    );
    assert!(ended.code == Some(0) && ended.stdout.starts_with(&words), "{ended:?}");
    assert_eq!(left(&world), []);
    assert!(!path.join("too-far").exists() && !path.join("further").exists());
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE outcome = 'succeeded' AND exit_code = 0"), 1);
}

#[test]
fn r7_a_worker_that_dies_during_a_check_changes_nothing() {
    let mut world = World::new();
    let (path, began, go) = (world.project("shop"), world.path("began"), world.path("go"));
    let check = format!("echo x >>{}; while [ ! -e {} ]; do sleep 0.05; done", began.display(), go.display());
    configure(&mut world, &path, &[&check]);
    let _up = world.up();
    let ask = world.start(&["ask", "--project", "shop", "[[say: did it]]"]);
    wait_until("the check began", LONG, || began.exists());
    let slot = world.count("SELECT slot FROM v_workers WHERE task = 1");
    let dead = world.pid("worker", slot);
    kill_9(dead);
    wait_until("another one took its post", LONG, || {
        world.count(&format!("SELECT COUNT(*) FROM v_workers WHERE task = 1 AND pid <> {dead}")) == 1
    });
    std::fs::write(go, "").unwrap();
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("did it\n\nChecks passed: "), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
    assert_eq!(std::fs::read_to_string(began).unwrap(), "x\n", "the check ran once");
}

#[test]
fn r3_a_shim_that_dies_during_a_check_leaves_nothing_and_the_answer_says_what_was_not_finished() {
    let mut world = World::new();
    let (path, began) = (world.project("shop"), world.path("began"));
    configure(&mut world, &path, &["true", &endless(&began), "echo never"]);
    let _up = world.up();
    let ask = world.start(&["ask", "--project", "shop", "[[say: did it]]"]);
    wait_until("the check began", LONG, || began.exists());
    let shim = left(&world).into_iter().map(|process| process.pid).find(|pid| {
        let ps = std::process::Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output().unwrap();
        String::from_utf8_lossy(&ps.stdout).contains(" shim ")
    });
    kill_9(shim.unwrap());
    let ended = ask.end(LONG);
    assert!(
        ended.stdout.starts_with("did it\n\nChecks passed: `true`\n\n**Checks not finished:** `sleep 600"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("`echo never`"), "{ended:?}");
    assert_eq!(left(&world), []);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "the agent's work is not done again");
}
