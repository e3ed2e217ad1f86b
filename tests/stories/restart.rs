//! Restarts that a person asks for, in the chat and in the terminal: tasks live on, nothing is lost, and it is done once.

use agentlab_platform::failpoints::KILL_AT;
use agentlab_stand_ins::BotApi;
use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::world::{ANN, LONG, Look, World, kill_9, wait_until, write_script};

/// A world with a bot and one project in which tasks run side by side.
pub(super) fn side_by_side(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    world
}

/// The names of the processes that are ready at their posts.
pub(super) fn names(look: &Look) -> Vec<(String, String)> {
    look.rows("SELECT role || slot, name FROM process WHERE ready_at IS NOT NULL ORDER BY role, slot")
}

/// Waits until every post that was filled before is filled by another process.
fn all_replaced(look: &Look, before: &[(String, String)]) {
    wait_until("all are replaced", LONG, || {
        let now = names(look);
        now.len() == before.len() && now.iter().zip(before).all(|(now, before)| now.0 == before.0 && now.1 != before.1)
    });
}

#[test]
fn a_restart_from_the_chat_under_load_is_noticed_by_no_task_and_its_notice_is_edited() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let mut up = world.up();
    let look = Look::into(&world);
    let chats = [-30, -40, -50];
    for (n, chat) in chats.into_iter().enumerate() {
        let script = "[[tool: Bash first]] [[sleep: 2]] [[tool: Bash second]] [[sleep: 1.5]]";
        api.user_says(chat, ANN, &format!("{script} [[say: answer-{n}.]]"));
    }
    let messages = chats.map(|chat| api.wait_for_text(chat, "Bash: first", LONG).message_id);
    let (before, pid) = (names(&look), up.pid());
    assert_eq!(before.len(), 6, "{before:?}");
    api.user_says(ANN, ANN, "/restart");
    let notice = api.wait_for_text(ANN, "Restarting; running tasks go on.", LONG);
    // Sent while nobody may be there to take it.
    for n in 0..5 {
        api.user_says(-60 - n, ANN, &format!("[[say: late-{n}.]]"));
    }
    let back = api.wait_for_text(ANN, "Back after", LONG);
    assert_eq!(back.message_id, notice.message_id, "the notice is edited");
    eprintln!("{}", back.text);
    all_replaced(&look, &before);
    assert_eq!(world.pid("supervisor", 0), pid, "the same process in the same terminal");
    for (n, chat) in chats.into_iter().enumerate() {
        let answer = api.wait_for_text(chat, &format!("answer-{n}."), LONG);
        assert_eq!(answer.message_id, messages[n], "in the same message");
    }
    for n in 0..5 {
        api.wait_for_text(-60 - n, &format!("late-{n}."), LONG);
    }
    wait_until("nothing is owed", LONG, || look.count("SELECT COUNT(*) FROM v_owed") == 0);
    for chat in chats {
        assert_eq!(api.messages(chat).len(), 1, "{}", api.transcript(chat));
    }
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 8, "one run a task");
    let words = look.rows::<(String, String, String)>("SELECT state, asked_by, words FROM intervention");
    assert_eq!(words.len(), 1, "{words:?}");
    assert_eq!((words[0].0.as_str(), words[0].1.as_str()), ("finished", "user 7001"));
    up.wait_for_line("ready:", LONG);
    let ended = up.stop();
    assert_eq!(ended.stdout.matches("ready:").count(), 2, "it says so again: {ended:?}");
    assert_eq!(ended.code, Some(0));
    // The keeper of a run that has just ended lives a moment longer.
    wait_until("nobody is left behind", LONG, || world.living().is_empty());
}

#[test]
fn everything_is_restarted_from_the_terminal_and_twice_at_once_too() {
    let world = World::new();
    let up = world.up();
    let look = Look::into(&world);
    let (before, open) = (names(&look), descriptors(up.pid()));
    let twice = [world.start(&["restart"]), world.start(&["--json", "restart"])];
    let [words, json] = twice.map(|restart| restart.end(LONG));
    assert!(words.code == Some(0) && words.stdout.starts_with("back after "), "{words:?}");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json["kind"].as_str(), json["state"].as_str()), (Some("restart"), Some("finished")), "{json}");
    all_replaced(&look, &before);
    assert!(world.run(&["ask", "[[say: works on]]"]).stdout.starts_with("works on"));
    let pid = up.pid();
    assert_eq!(world.pid("supervisor", 0), pid);
    // Waited for: locks of posts are open for the moment in which they are tried.
    wait_until("nothing stays open through it", LONG, || descriptors(pid) <= open);
    assert_eq!(zombies(pid), 0);
    assert_eq!(up.stop().code, Some(0));
    assert!(world.living().is_empty());
}

#[test]
fn one_role_is_restarted_while_tasks_run_and_the_others_are_left_in_peace() {
    let world = World::new();
    let _up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 3]] [[say: went on]]"]).code, Some(0));
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    let (before, run) = (names(&look), look.held().remove(0).run);
    let ended = world.run(&["restart", "worker"]);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("back after "), "{ended:?}");
    for (now, before) in names(&look).iter().zip(&before) {
        assert_eq!(now.1 != before.1, now.0.starts_with("worker"), "{now:?} after {before:?}");
    }
    wait_until("another holds the run", LONG, || look.held().first().is_some_and(|held| held.run == run));
    wait_until("it is done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    assert_eq!(look.count("SELECT COUNT(*) FROM run"), 1);
    let before = names(&look);
    assert_eq!(world.run(&["restart", "supervisor"]).code, Some(0));
    for (now, before) in names(&look).iter().zip(&before) {
        assert_eq!(now.1 != before.1, now.0.starts_with("supervisor"), "{now:?} after {before:?}");
    }
    let none = world.run(&["restart", "bot"]);
    assert!(none.code == Some(69) && none.stderr.contains("there is no bot"), "{none:?}");
    assert_eq!(world.run(&["restart", "shim"]).code, Some(2));
}

#[test]
fn where_no_system_runs_the_verbs_say_so() {
    let world = World::new();
    for words in [&["restart"][..], &["restart", "worker"]] {
        let ended = world.run(words);
        assert!(ended.code == Some(69) && ended.stderr.contains("agentlab up"), "{ended:?}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM intervention"), 0, "nothing happens when it starts");
    let scale = world.run(&["scale", "2"]);
    assert!(scale.code == Some(69) && scale.stderr.contains("from its next start"), "{scale:?}");
    let mut up = world.start(&["up"]);
    assert!(up.wait_for_line("ready:", LONG).contains("2 workers"));
    assert_eq!(world.run(&["scale", "17"]).code, Some(2));
}

#[test]
fn a_process_alone_that_is_asked_for_a_restart_ends_with_42() {
    let world = World::new();
    let mut alone = Vec::new();
    for words in [&["worker", "--slot", "1"][..], &["console"]] {
        alone.push((words[0], world.start(words)));
    }
    for (role, process) in alone {
        wait_until("it is ready", LONG, || {
            world.home().join("agentlab.db").exists()
                && world.count(&format!("SELECT COUNT(*) FROM process WHERE role = '{role}' AND ready_at > 0")) == 1
        });
        process.signal(Signal::SIGUSR1);
        assert_eq!(process.end(LONG).code, Some(42), "{role}");
    }
}

#[test]
fn a_row_that_makes_no_sense_is_dropped_with_a_line_in_the_log_and_nobody_is_restarted() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let up = world.up();
    assert_eq!(world.run(&["restart", "console"]).code, Some(0));
    up.stop();
    // As a predecessor once wrote it: seconds where milliseconds belong.
    for corruption in ["asked_at = asked_at / 1000, state = 'asked'", "replaces = '[\"sshd.1\"]', state = 'begun'"] {
        change(&world, &format!("UPDATE intervention SET ended_at = NULL, words = NULL, {corruption}"));
        let up = world.up();
        let look = Look::into(&world);
        let before = names(&look);
        wait_until("it is dropped", LONG, || {
            look.count("SELECT COUNT(*) FROM intervention WHERE state = 'dropped'") == 1
        });
        assert!(world.run(&["ask", "[[say: done]]"]).stdout.starts_with("done"));
        assert_eq!(names(&look), before, "nobody was restarted");
        assert!(log_of(&world, "supervisor").contains("a corrupt intervention is dropped and not acted on"));
        up.stop();
        change(&world, "UPDATE intervention SET asked_at = strftime('%s', 'now') * 1000");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM intervention"), 1);
}

#[test]
fn a_supervisor_that_is_killed_once_it_has_begun_changes_nothing() {
    let api = BotApi::start();
    let mut world = side_by_side(&api);
    let killed = world.path("killed");
    world.env.push((KILL_AT.into(), format!("intervention-begun:{}", killed.display())));
    let up = world.up();
    let look = Look::into(&world);
    let before = names(&look);
    api.user_says(ANN, ANN, "/restart");
    wait_until("the supervisor is killed", LONG, || killed.exists());
    drop(up);
    assert_eq!(look.count("SELECT COUNT(*) FROM intervention WHERE state = 'begun'"), 1);
    let up = world.up();
    let back = api.wait_for_text(ANN, "Back after", LONG);
    assert_eq!(api.messages(ANN).len(), 1, "{}", api.transcript(ANN));
    assert!(back.text.ends_with('.'), "{}", back.text);
    all_replaced(&look, &before);
    // Once: nobody is replaced again, though the update is there and the row was read by three supervisors.
    let after = names(&look);
    api.user_says(ANN, ANN, "[[sleep: 1]] [[say: and on]]");
    api.wait_for_text(ANN, "and on", LONG);
    assert_eq!(names(&look), after);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn nothing_is_restarted_into_a_configuration_under_which_nothing_could_start() {
    let mut world = World::new();
    let _up = world.up();
    let look = Look::into(&world);
    let before = names(&look);
    world.configure("[nonsense]\n");
    // Whoever asks in the terminal reads the configuration, too.
    let ended = world.run(&["restart"]);
    assert!(ended.code == Some(78) && ended.stderr.contains("nonsense"), "{ended:?}");
    change(
        &world,
        "INSERT INTO intervention (kind, asked_by, asked_at) VALUES ('restart', 'user 1', strftime('%s', 'now') * 1000)",
    );
    wait_until("it is refused", LONG, || look.count("SELECT COUNT(*) FROM intervention WHERE state = 'dropped'") == 1);
    let words = look.rows::<(String,)>("SELECT words FROM intervention").remove(0).0;
    assert!(words.starts_with("Nothing was restarted") && words.contains("nonsense"), "{words}");
    assert_eq!(names(&look), before);
}

#[test]
fn a_changed_configuration_is_taken_over_by_a_restart_and_by_nobody_again_and_again() {
    let mut world = World::new();
    let _up = world.up();
    let look = Look::into(&world);
    world.configure("[retry]\nmax_attempts = 2\n");
    // One that dies starts under the present configuration, beside others that do not know it yet.
    let before = names(&look);
    kill_9(world.pid("worker", 1));
    wait_until("another is ready", LONG, || {
        let now = names(&look);
        now.len() == before.len() && now != before
    });
    let second = names(&look);
    assert!(world.run(&["ask", "[[sleep: 2]] [[say: done]]"]).stdout.starts_with("done"));
    assert_eq!(names(&look), second, "it is not replaced for that");
    assert_eq!(world.run(&["restart"]).code, Some(0));
    all_replaced(&look, &second);
    let third = names(&look);
    assert!(world.run(&["ask", "[[sleep: 2]] [[say: done]]"]).stdout.starts_with("done"));
    assert_eq!(names(&look), third);
    assert_eq!(look.count("SELECT COUNT(DISTINCT config) FROM process"), 1);
}

#[test]
fn where_a_service_manager_keeps_it_the_supervisor_stays_the_process_that_is_kept() {
    let mut world = World::new();
    let program = std::mem::take(&mut world.program);
    world.program = world.path("bin/kept");
    let kept = format!("#!/bin/sh\nINVOCATION_ID=4fe1 SYSTEMD_EXEC_PID=$$ exec {} \"$@\"\n", program.display());
    write_script(&world.program, &kept);
    let mut up = world.up();
    let look = Look::into(&world);
    let before = names(&look);
    let restarted = world.run(&["restart"]);
    assert!(restarted.code == Some(0) && restarted.stdout.starts_with("back after"), "{restarted:?}");
    all_replaced(&look, &before);
    assert_eq!(up.ended(), None);
    let pulse = std::fs::read_to_string(world.home().join("run/supervisor.pulse")).unwrap();
    let pulse: serde_json::Value = serde_json::from_str(&pulse).unwrap();
    assert_eq!(
        (pulse["kept_by"].as_str(), pulse["identity"]["pid"].as_i64()),
        (Some("systemd"), Some(i64::from(up.pid())))
    );
}

/// How many descriptors a process has open, where the system tells.
fn descriptors(pid: i32) -> usize {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let what = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    what.filter(|what| !what.to_string_lossy().contains("/agentlab.db")).count()
}

/// How many children of a process have ended and were not collected, where the system tells.
fn zombies(pid: i32) -> usize {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let stat = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    children.split_whitespace().filter(|pid| stat(pid).contains(") Z ")).count()
}

/// Changes the database as no program of ours does.
pub(super) fn change(world: &World, statements: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = SqliteConnectOptions::new().filename(world.home().join("agentlab.db"));
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    });
}

/// What a process logged.
pub(super) fn log_of(world: &World, name: &str) -> String {
    let entries = std::fs::read_dir(world.home().join("logs")).unwrap().map(Result::unwrap);
    let of_name = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{name}.")));
    of_name.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect()
}
