//! `/metrics`: what happened is what is counted, whoever died meanwhile; and it answers also without a database.

use std::{fs, fs::OpenOptions, net::TcpStream, time::Duration};

use agentlab_console::metrics::family;
use agentlab_stand_ins::BotApi;
use nix::fcntl::{FcntlArg, fcntl};

use super::locked::Foreign;
use crate::world::{ANN, LONG, Look, Scrape, World, kill_9, wait_until};

/// How long an answer may take, with a process started for it and a machine that is busy with other tests.
const SOON: Duration = Duration::from_millis(100);

/// A bot that may use side by side, with a budget.
fn with_bot(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.project("p");
    world.configure(&format!(
        "[projects.p]\npath = '{}'\nisolation = 'none'\n[budget]\ndaily_usd = 50.0\n",
        world.path("p").display()
    ));
    world
}

fn equal(scrape: &Scrape, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        let found = scrape.get(name).unwrap_or_else(|| panic!("no {name}: {scrape:?}"));
        assert!((found - value).abs() < 1e-6, "{name}: {found}, not {value}");
    }
}

/// What does not happen in the first story.
const ABSENT: [&str; 7] = [
    "agentlab_recoveries_total",
    "agentlab_alerts_total",
    "agentlab_alerts_firing",
    "agentlab_backup_age_seconds",
    "agentlab_backup_verified_age_seconds",
    "agentlab_retention_age_seconds",
    "agentlab_retention_longest_hold_seconds",
];

#[test]
fn tasks_that_were_done_failed_cancelled_retried_and_adopted_are_counted_as_such() {
    let api = BotApi::start();
    let world = with_bot(&api);
    let up = world.up();
    api.user_says(ANN, ANN, "[[cost: 0.25]] [[say: first.]]");
    api.wait_for_text(ANN, "first.", LONG);
    api.user_says(ANN, ANN, "[[fail: 400]]");
    api.wait_for_text(ANN, "Task 2: failed", LONG);
    let marker = world.path("marker");
    api.user_says(ANN, ANN, &format!("[[once: {}]] [[say: third.]]", marker.display()));
    api.wait_for_text(ANN, "third.", LONG);
    api.user_says(ANN, ANN, "[[sleep: 4]] [[say: fourth.]]");
    let look = Look::into(&world);
    wait_until("a worker holds the run", LONG, || !look.held().is_empty());
    let holder = look.held().remove(0);
    kill_9(holder.pid);
    api.wait_for_text(ANN, "fourth.", LONG);
    api.user_says(ANN, ANN, "[[hang]]");
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    api.user_says(ANN, ANN, "/cancel");
    wait_until("it is cancelled", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'cancelled'") == 1);
    api.user_says(ANN, 9999, "let me in");
    wait_until("the stranger is turned away", LONG, || {
        world.count("SELECT COUNT(*) FROM telegram_update WHERE decision = 'stranger'") == 1
    });
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    wait_until("the crash has its row", LONG, || {
        world.count("SELECT COUNT(*) FROM crash WHERE kind = 'crash' AND role = 'worker'") == 1
    });

    let delivered = world.count("SELECT COUNT(*) FROM outbox");
    let mut scrape = Scrape::of(&world);
    wait_until("uptime is noted, and the looks are new", LONG, || {
        scrape = Scrape::of(&world);
        // On a busy machine the first answer holds what could be seen in time.
        let around = scrape.families().contains("agentlab_process_memory_bytes");
        around && scrape.sum("agentlab_served_seconds_total") > 0.0 && scrape.sum("agentlab_tasks_ended_total") > 4.0
    });
    let worker = holder.by.split('.').next().unwrap().to_owned();
    equal(
        &scrape,
        &[
            ("agentlab_database_up", 1.0),
            ("agentlab_tasks_accepted_total{channel=\"telegram\"}", 5.0),
            ("agentlab_tasks_ended_total{channel=\"telegram\",outcome=\"done\"}", 3.0),
            ("agentlab_tasks_ended_total{channel=\"telegram\",outcome=\"failed\"}", 1.0),
            ("agentlab_tasks_ended_total{channel=\"telegram\",outcome=\"cancelled\"}", 1.0),
            ("agentlab_tasks_ended_total{channel=\"telegram\",outcome=\"poison\"}", 0.0),
            ("agentlab_runs_total{outcome=\"succeeded\"}", 3.0),
            ("agentlab_runs_total{outcome=\"refused\"}", 1.0),
            ("agentlab_runs_total{outcome=\"crashed\"}", 1.0),
            ("agentlab_runs_total{outcome=\"stopped\"}", 1.0),
            ("agentlab_retries_total", 1.0),
            ("agentlab_adoptions_total", 1.0),
            ("agentlab_task_pickup_seconds_count", 5.0),
            ("agentlab_task_answer_seconds_count", 3.0),
            ("agentlab_run_seconds_count", 6.0),
            ("agentlab_updates_total{decision=\"job\"}", 5.0),
            ("agentlab_updates_total{decision=\"command\"}", 1.0),
            ("agentlab_updates_total{decision=\"stranger\"}", 1.0),
            ("agentlab_tasks{state=\"running\"}", 0.0),
            ("agentlab_tasks_claimable", 0.0),
            ("agentlab_workers_wanted", 3.0),
            ("agentlab_budget_usd{period=\"day\"}", 50.0),
            ("agentlab_circuit_state{service=\"claude\",state=\"closed\"}", 1.0),
            (&format!("agentlab_process_crashes_total{{process=\"{worker}\"}}"), 1.0),
            (&format!("agentlab_process_starts_total{{process=\"{worker}\"}}"), 2.0),
        ],
    );
    #[expect(clippy::cast_precision_loss, reason = "a few messages")]
    let messages = delivered as f64;
    assert!((scrape.sum("agentlab_messages_delivered_total") - messages).abs() < 1e-6, "{scrape:?}");
    assert!(scrape.sum("agentlab_spend_usd_total") >= 0.25, "{scrape:?}");
    assert!(scrape.sum("agentlab_telegram_request_seconds_count") >= 5.0, "{scrape:?}");
    for process in ["supervisor", "bot", "console", "worker-1", "worker-2", "worker-3"] {
        assert_eq!(scrape.get(&format!("agentlab_process_ready{{process=\"{process}\"}}")), Some(1.0), "{process}");
        assert!(scrape.get(&format!("agentlab_process_memory_bytes{{process=\"{process}\"}}")).unwrap() > 1e6);
        assert!(scrape.get(&format!("agentlab_process_cpu_seconds_total{{process=\"{process}\"}}")).is_some());
    }
    assert!(scrape.get("agentlab_detector_sweeps_total{process=\"supervisor\",detector=\"posts\"}").unwrap() > 0.0);
    // All that is in the list is there, but for what did not happen here.
    let families = scrape.families();
    let missing: Vec<&str> =
        family::ALL.iter().map(|family| family.name).filter(|name| !families.contains(*name)).collect();
    assert!(missing.iter().all(|name| ABSENT.contains(name)), "{missing:?}");

    // What was counted is counted still when every process is another one.
    assert_eq!(up.stop().code, Some(0));
    let up = world.up();
    // What comes from rows is there as soon as the database answered the new console once.
    for name in ["agentlab_tasks_ended_total", "agentlab_adoptions_total", "agentlab_messages_delivered_total"] {
        wait_until(name, LONG, || (Scrape::of(&world).sum(name) - scrape.sum(name)).abs() < 1e-6);
    }
    let again = Scrape::of(&world);
    assert!(again.sum("agentlab_telegram_request_seconds_count") >= 5.0);
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("7 days") && status.contains("30 days"), "{status}");
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, "Last 7 days: up ", LONG);
    assert_eq!(up.stop().code, Some(0));
}

/// The fastest of a few: others compile on this machine.
fn fastest(world: &World) -> Duration {
    (0..5).map(|_| Scrape::of(world).took).min().unwrap()
}

#[test]
fn it_answers_while_the_database_is_locked_and_counts_on_where_it_was_restored() {
    let world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["ask", "[[say: x]]"]).code, Some(0));
    wait_until("the task is counted", LONG, || Scrape::of(&world).sum("agentlab_tasks_ended_total") > 0.0);
    let foreign = Foreign::lock(&world);
    assert!(fastest(&world) < SOON, "who writes keeps nobody from reading");
    assert_eq!(Scrape::of(&world).get("agentlab_database_up"), Some(1.0));
    drop(foreign);

    // Whoever holds the marks of readers lets nobody read, as a restore does.
    let log = OpenOptions::new().read(true).write(true).open(world.home().join("agentlab.db-shm")).unwrap();
    let marks = |kind| nix::libc::flock { l_type: kind, l_whence: 0, l_start: 120, l_len: 8, l_pid: 0 };
    let lock = |kind: nix::libc::c_int| {
        let kind = i16::try_from(kind).unwrap();
        fcntl(&log, FcntlArg::F_SETLKW(&marks(kind))).unwrap();
    };
    lock(nix::libc::F_WRLCK);
    wait_until("it says that the rows cannot be read", LONG, || {
        Scrape::of(&world).get("agentlab_database_up") == Some(0.0)
    });
    let locked = Scrape::of(&world);
    assert_eq!((locked.get("agentlab_tasks_claimable"), locked.sum("agentlab_tasks_ended_total")), (None, 0.0));
    assert_eq!(locked.get("agentlab_process_ready{process=\"console\"}"), Some(1.0), "what needs no database is there");
    assert!(fastest(&world) < SOON);
    lock(nix::libc::F_UNLCK);
    wait_until("the rows are counted again", LONG, || {
        let scrape = Scrape::of(&world);
        scrape.get("agentlab_database_up") == Some(1.0) && scrape.sum("agentlab_tasks_ended_total") > 0.0
    });

    fs::rename(world.home().join("agentlab.db"), world.path("aside.db")).unwrap();
    wait_until("it was restored, and another console listens", LONG, || {
        world.home().join("restored.json").exists() && TcpStream::connect(("127.0.0.1", world.port)).is_ok()
    });
    wait_until("it counts on", LONG, || {
        let scrape = Scrape::of(&world);
        scrape.get("agentlab_database_up") == Some(1.0) && scrape.sum("agentlab_tasks_ended_total") > 0.0
    });
    assert_eq!(up.stop().code, Some(0));
}
