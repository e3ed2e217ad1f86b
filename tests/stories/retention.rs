//! Retention and a nearly full disk: what is old goes, and a task that is not taken is told so. Killed anywhere: `killed_anywhere`.

use agentlab_stand_ins::BotApi;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::world::{ANN, LONG, World, wait_until};

/// More than any disk has free, in MiB.
const NONE_HAS: &str = "99999999999";

/// Makes everything that has ended a year older.
fn age(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(world.home().join("agentlab.db"));
        let mut connection = options.connect().await.unwrap();
        for statement in [
            "UPDATE job SET ended_at = ended_at - 31536000000 WHERE ended_at IS NOT NULL",
            "UPDATE run SET ended_at = ended_at - 31536000000 WHERE ended_at IS NOT NULL",
        ] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

#[test]
fn what_is_old_goes_with_its_files_and_what_is_asked_of_it_is_answered() {
    let mut world = World::new();
    for n in 1..=3 {
        assert_eq!(world.run(&["ask", &format!("[[say: {n}]]")]).code, Some(0));
    }
    world.wait_for_quiet();
    age(&world);
    // Ten minutes of an even clock come first.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.01".into()));
    let _up = world.up();
    wait_until("all of it is gone", LONG, || world.count("SELECT COUNT(*) FROM job") == 0);
    wait_until("with its files", LONG, || std::fs::read_dir(world.home().join("runs")).unwrap().count() == 0);
    // At a hundredth of the time a verb waits for next to nobody.
    world.env.pop();
    let ended = world.run(&["job", "2"]);
    assert!(ended.stderr.contains("task 2 ended on") && ended.stderr.contains("(done)"), "{ended:?}");
    let again = world.run(&["retry", "2"]);
    assert!(again.stderr.contains("was removed after 365 days"), "{again:?}");
    assert!(world.run(&["job", "4"]).stderr.contains("there is no task 4"));
    assert_eq!(world.run(&["ask", "[[say: the next]]"]).code, Some(0));
    assert_eq!(world.count("SELECT MAX(number) FROM job"), 4, "no number is given twice");
}

#[test]
fn on_a_nearly_full_disk_new_tasks_are_refused_on_every_way_in_what_runs_goes_on_and_room_is_told() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let up = world.up();
    api.user_says(ANN, ANN, "[[sleep: 8]] [[say: it went on]]");
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    assert_eq!(up.stop().code, Some(0));
    world.env.push(("AGENTLAB_DISK__FLOOR_MB".into(), NONE_HAS.into()));
    let up = world.up();
    api.user_says(ANN, ANN, "[[say: never]]");
    api.user_says(ANN, ANN, "/retry 1");
    api.user_says(ANN, ANN, "/status");
    let refusals = |api: &BotApi| {
        api.messages(ANN).iter().filter(|message| message.text.contains("This one was not taken")).count()
    };
    wait_until("both are refused", LONG, || refusals(&api) == 2);
    api.wait_for_text(ANN, "Spent today", LONG);
    api.wait_for_text(ANN, "New tasks are refused until", LONG);
    api.wait_for_text(ANN, "it went on", LONG);
    let asked = world.run(&["ask", "[[say: never]]"]);
    assert!(asked.code != Some(0) && asked.stderr.contains("nearly full"), "{asked:?}");
    let body = serde_json::json!({ "prompt": "[[say: never]]" });
    let (status, problem) = super::console::socket(&world, "POST", "/api/jobs", Some(&body));
    assert_eq!(status, 507, "{problem}");
    // Whoever has a hundredth of the time to answer may not be able to on a busy machine.
    wait_until("it is degraded, and says why", LONG, || {
        let (_, health) = super::console::socket(&world, "GET", "/health", None);
        (health["disk"]["state"].as_str(), health["status"].as_str()) == (Some("low"), Some("degraded"))
    });
    assert!(world.run(&["doctor"]).stdout.contains("new tasks are refused"));
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM telegram_update WHERE decision = 'limited'"), 2);
    wait_until("it is noted", LONG, || world.home().join("run/disk.low").exists());
    assert_eq!(up.stop().code, Some(0));
    world.env.pop();
    let _up = world.up();
    api.wait_for_text(ANN, "There is room on the disk again", LONG);
    api.user_says(ANN, ANN, "[[say: taken again]]");
    api.wait_for_text(ANN, "taken again", LONG);
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    let told = api.messages(ANN).iter().filter(|message| message.text.contains("There is room")).count();
    assert_eq!((told, refusals(&api)), (1, 2), "once each: {}", api.transcript(ANN));
}
