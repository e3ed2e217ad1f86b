//! The rules of alerts, each with a planted fault: every one fires through every channel, none is repeated within its cooldown,
//! and that it is over is told. Time is shortened to a twentieth.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use agentlab_stand_ins::bot_api::Fault;
use serde_json::Value;

use crate::world::{ANN, LONG, Roads, SECRETS, World, kill_9, logs, wait_until};

/// At this scale.
const SCALE: &str = "0.05";
/// `cooldown_minutes = 6`, at this scale.
const COOLDOWN: Duration = Duration::from_secs(18);
/// What each rule says.
const NEEDLES: [(&str, &str); 8] = [
    ("component_down", "agentlab: console is dead or hangs"),
    ("bot_down", "agentlab: the bot is down"),
    ("high_error_rate", "agentlab: many errors"),
    ("worker_pool_saturated", "tasks wait for a worker"),
    ("disk_full", "agentlab: the disk of the home is"),
    ("api_cost_limit", "of the budget of today is spent"),
    ("detector_silent", "agentlab: the detector supervisor/orphans is silent"),
    ("recovery_action", "console refuses to start"),
];

/// Twenty calls of Telegram fail three times a second, until told to stop.
fn fail_calls(world: &World, stop: &AtomicBool) {
    let path = world.home().join("agentlab.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(LONG);
        let mut db = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
        while !stop.load(Ordering::Relaxed) {
            // More are answered than fail: no circuit opens for it.
            let insert = "INSERT INTO call (service, at, answered, failed)
                          VALUES ('telegram', CAST(unixepoch('subsec') * 1000 AS INTEGER), 40, 20)";
            sqlx::query(insert).execute(&mut db).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
}

/// What the webhook had: rule, key, resolved, and when.
fn hooked(roads: &Roads) -> Vec<(String, String, bool, Instant)> {
    let read = |got: agentlab_stand_ins::receiver::Got| {
        let body: Value = serde_json::from_str(&got.body).unwrap();
        let word = |name: &str| body[name].as_str().unwrap().to_owned();
        (word("rule"), word("key"), body["resolved"].as_bool().unwrap(), got.at)
    };
    roads.hook.got().into_iter().map(read).collect()
}

/// No key comes again on the webhook within the cooldown.
fn none_is_repeated(roads: &Roads) {
    let mut last: BTreeMap<String, Instant> = BTreeMap::new();
    for (_, key, _, at) in hooked(roads).into_iter().filter(|(_, _, resolved, _)| !resolved) {
        if let Some(before) = last.insert(key.clone(), at) {
            assert!(at - before >= COOLDOWN.mul_f64(0.95), "{key} again after {:?}", at - before);
        }
    }
}

#[test]
fn every_rule_fires_through_every_channel_none_is_repeated_within_its_cooldown_and_over_is_told() {
    let roads = Roads::start();
    let mut world = roads.world(
        SCALE,
        "cooldown_minutes = 6\nbot_down_minutes = 2\nerrors_minutes = 1\nqueue_minutes = 1\nqueue_depth = 2\ndisk_percent = 1",
    );
    world.configure(&format!(
        "[budget]\ndaily_usd = 10\n[workers]\ncount = 1\n[projects.p]\npath = '{}'\nisolation = 'none'\n",
        world.project("p").display()
    ));
    let frozen = world.path("frozen");
    world.env.push(("AGENTLAB_TEST_FREEZE_AT".into(), format!("orphans-sweep:{}", frozen.display())));
    let began = Instant::now();
    let _up = world.up();
    // What was spent, and what waits behind a task that goes on.
    roads.api.user_says(ANN, ANN, "[[cost: 8.5]] [[say: dear]]");
    roads.api.wait_for_text(ANN, "dear", LONG);
    // Each in a chat of its own, so that nothing but a worker is missing.
    for chat in [ANN, -1, -2, -3] {
        roads.api.user_says(chat, ANN, "[[tool: Bash slow]] [[sleep: 60]]");
    }
    roads.api.wait_for_text(ANN, "Bash: slow", LONG);
    // The console goes, and somebody else takes its port.
    let taken = wait_for_port(&world);
    // Telegram takes messages, and gives none.
    roads.api.fail_next("getUpdates", Fault::Server(502), 1_000_000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| fail_calls(&world, &stop));
        for (rule, needle) in NEEDLES {
            let had = roads.wait_for_all(needle, began, Duration::from_secs(90));
            let words: Vec<String> =
                had.iter().map(|(channel, after)| format!("{channel} {:.1} s", after.as_secs_f64())).collect();
            eprintln!("{rule}: {}", words.join(", "));
            assert!(hooked(&roads).iter().any(|(fired, ..)| fired == rule), "{rule}");
        }
        let status = world.run(&["status"]).stdout;
        assert!(
            status.contains("ALERT (critical, for ") && status.contains("): agentlab: the bot is down"),
            "{status}"
        );
        // What lasts is told again after the cooldown, and not before.
        let again =
            |key: &str| hooked(&roads).iter().filter(|(_, known, resolved, _)| known == key && !resolved).count() > 1;
        wait_until("what lasts is told again", LONG, || again("disk_full:disk") && again("bot_down:bot"));
        none_is_repeated(&roads);
        stop.store(true, Ordering::Relaxed);
    });
    let healed = Instant::now();
    roads.api.clear_faults();
    drop(taken);
    std::fs::remove_file(frozen).unwrap();
    for what in
        ["the bot is down", "many errors", "console is dead or hangs", "the detector supervisor/orphans is silent"]
    {
        roads.wait_for_all(&format!(": {what}"), healed, Duration::from_secs(90));
        wait_until(what, LONG, || roads.with("webhook", "over after").iter().any(|over| over.text.contains(what)));
    }
    // Each end once, for each beginning at most.
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    for (_, key, resolved, _) in hooked(&roads) {
        assert!(!resolved || open.insert(key.clone(), false) == Some(true), "{key} was over twice, or never began");
        if !resolved {
            open.insert(key, true);
        }
    }
    none_is_repeated(&roads);
    let told = "SELECT COUNT(*) FROM v_alerts WHERE rule = 'bot_down' AND over_utc IS NOT NULL AND told LIKE '%email%'";
    wait_until("the rows follow", LONG, || world.count(told) >= 1);
    let logged = logs(&world);
    for secret in SECRETS {
        assert!(!logged.contains(secret), "{secret} is in a log");
    }
}

/// Kills the console until its port is ours.
fn wait_for_port(world: &World) -> TcpListener {
    let until = Instant::now() + LONG;
    loop {
        kill_9(world.pid("console", 0));
        for _ in 0..200 {
            if let Ok(taken) = TcpListener::bind(("127.0.0.1", world.port)) {
                return taken;
            }
            std::thread::yield_now();
        }
        assert!(Instant::now() < until, "the port stays the console's");
        wait_until("another console is there", LONG, || {
            let row = "SELECT COUNT(*) FROM process WHERE role = 'console' AND ready_at IS NOT NULL";
            world.count(row) == 1
        });
    }
}
