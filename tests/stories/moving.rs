//! Moving to another machine: what was exported is taken in elsewhere, says the same there, and is gone on with.

use std::fs;

use agentlab_platform::{
    config,
    db::Db,
    home::Home,
    identity::{Identity, Living},
    moving,
};
use agentlab_stand_ins::BotApi;
use serde_json::Value;
use sqlx::Connection;

use crate::{
    house,
    world::{ANN, LONG, Look, World, wait_until},
};

/// The lines that say something of the moment of an export: the first and the last.
fn between(export: &str) -> Vec<&str> {
    let lines: Vec<&str> = export.lines().collect();
    lines[1..lines.len() - 1].to_vec()
}

#[tokio::test]
async fn a_row_of_every_table_comes_through_as_it_is() {
    let (folder, connection) = house::migrations::filled().await;
    connection.close().await.unwrap();
    let [from, to] = ["from", "to"].map(|name| Home::at(folder.path().join(name)).unwrap());
    fs::rename(folder.path().join("agentlab.db"), from.database()).unwrap();
    fs::write(from.config(), "# mine\n[telegram]\nallowed_users = [1]\n").unwrap();
    fs::write(from.path().join("orchestrator.md"), "Be brief: ü\n").unwrap();
    let export = async |home: &Home| {
        let db = Db::open(home).await.unwrap();
        let mut text = Vec::new();
        let exported = moving::export(&db, &config::load(home).unwrap(), &mut text).await.unwrap();
        (exported, String::from_utf8(text).unwrap())
    };
    let (exported, text) = export(&from).await;
    for apart in ["Jobs", "Workers", "process", "call", "clock", "journal", "meta"] {
        assert!(!exported.head.rows.contains_key(apart), "{apart}");
    }
    assert!(
        exported.head.rows.len() > 15 && exported.head.rows.values().all(|rows| *rows > 0),
        "{:?}",
        exported.head.rows
    );
    let db = Db::open(&to).await.unwrap();
    let imported = moving::import(&db, &mut text.as_bytes()).await.unwrap();
    assert_eq!((imported.head, imported.unknown, imported.beside), (exported.head, vec![], vec![]));
    let (_, again) = export(&to).await;
    for (first, second) in between(&text).iter().zip(between(&again)) {
        // Nobody follows there what was followed here.
        let first: Value = serde_json::from_str(first).unwrap();
        let mut second: Value = serde_json::from_str(second).unwrap();
        if first["table"] == "run" {
            second["row"]["worker"] = first["row"]["worker"].clone();
        }
        assert_eq!(first, second);
    }
    assert_eq!(between(&text).len(), between(&again).len());
    assert_eq!(fs::read(from.config()).unwrap(), fs::read(to.config()).unwrap());
}

/// What people see of every task, without where the home is.
fn seen(world: &World) -> Vec<String> {
    let mut seen: Vec<String> = (1..=5).map(|n| world.run(&["--json", "job", &n.to_string()]).stdout).collect();
    seen.push(world.run(&["--json", "jobs", "--all"]).stdout);
    let status = world.run(&["status"]).stdout;
    seen.extend(
        status.lines().filter(|line| line.starts_with("tasks:") || line.starts_with("Spent")).map(str::to_owned),
    );
    seen.iter().map(|text| text.replace(&*world.home().to_string_lossy(), "HOME")).collect()
}

#[test]
fn a_system_that_is_moved_while_it_works_goes_on_elsewhere_with_what_had_not_ended() {
    let api = BotApi::start();
    let mut from = World::with_bot(&api);
    from.configure("[workers]\ncount = 2\n# Who looks after it.\n[agent.env]\nMY_KEY = 'sk-not-for-others'\n");
    let up = from.up();
    let long = "ü".repeat(9_000);
    api.user_says(-1, ANN, &format!("[[say: done. 🦀 {long}]]"));
    api.wait_for_text(-1, "done. 🦀", LONG);
    api.user_says(-1, ANN, "[[fail: 400]]");
    wait_until("it failed", LONG, || from.count("SELECT COUNT(*) FROM job WHERE state = 'failed'") == 1);
    // One that ends by itself only elsewhere, one behind it, and one that is cancelled.
    let marker = from.path("moved");
    let script =
        format!("[[tool: Bash first]] [[first: {}]] [[hang]] [[first: end]] [[say: moved.]]", marker.display());
    api.user_says(-2, ANN, &script);
    api.wait_for_text(-2, "Bash: first", LONG);
    api.user_says(-2, ANN, "[[say: behind it.]]");
    api.user_says(-2, ANN, "[[say: never]]");
    wait_until("all are accepted", LONG, || from.count("SELECT COUNT(*) FROM job") == 5);
    assert_eq!(from.run(&["cancel", "5"]).code, Some(0));

    let file = from.path("export.jsonl");
    let live = from.run(&["export", file.to_str().unwrap()]);
    assert!(live.code == Some(0) && live.stderr.contains("agentlab runs here"), "{live:?}");
    for (role, slot) in [("supervisor", 0), ("bot", 0), ("worker", 1), ("worker", 2), ("console", 0)] {
        crate::world::kill_9(from.pid(role, slot));
    }
    drop(up);
    let exported = from.run(&["export"]);
    let text = exported.stdout.clone() + "\n";
    assert!(
        exported.stderr.contains("5 tasks") && exported.stderr.contains("telegram.token, agent.env.MY_KEY"),
        "{exported:?}"
    );
    for secret in [api.token().as_str(), "sk-not-for-others"] {
        assert!(!text.contains(secret), "{secret}");
    }

    let mut to = World::with_bot(&api);
    to.configure("[workers]\ncount = 2\n");
    let file = to.path("export.jsonl");
    fs::write(&file, &text).unwrap();
    let imported = to.run(&["import", file.to_str().unwrap()]);
    assert!(imported.code == Some(0) && imported.stdout.starts_with("5 tasks of agentlab "), "{imported:?}");
    assert!(imported.stderr.contains("imported-config.toml"), "its own configuration stays: {imported:?}");
    for (there, here) in seen(&from).iter().zip(seen(&to)) {
        assert!(
            *there == here,
            "{}\n{}",
            &there[there.len().saturating_sub(900)..],
            &here[here.len().saturating_sub(900)..]
        );
    }
    assert_eq!(to.run(&["backup", "verify"]).code, Some(0), "a backup was made of it");
    let again = to.run(&["import", file.to_str().unwrap()]);
    assert!(again.code == Some(1) && again.stderr.contains("has worked already (5 tasks"), "{again:?}");

    // Its agent lives, and is not theirs: they wait until it has ended.
    let run = from.sql("SELECT id FROM run WHERE state = 'running'")[0]["id"].as_str().unwrap().to_owned();
    let child = from.home().join("runs").join(run).join("child.json");
    let agent: Identity = serde_json::from_slice(&fs::read(child).unwrap()).unwrap();
    let up = to.up();
    wait_until("it cannot be told whether it is over", LONG, || {
        to.count("SELECT COUNT(*) FROM job WHERE parked_for = 'cannot_tell'") == 1
    });
    assert_eq!(agent.living(), Living::Yes);
    crate::world::kill_9(agent.pid);
    api.wait_for_text(-2, "moved.", LONG);
    api.wait_for_text(-2, "behind it.", LONG);
    let look = Look::into(&to);
    wait_until("all ended", LONG, || look.count("SELECT COUNT(*) FROM job WHERE ended_at IS NULL") == 0);
    assert_eq!(look.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 3);
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE job_id = (SELECT id FROM job WHERE number = 3)"), 2);
    assert_eq!(look.count("SELECT COUNT(*) FROM run WHERE attempt = 1 AND outcome = 'unkept'"), 1);
    let answers = api.messages(-1).iter().filter(|message| message.text.contains("done. 🦀")).count();
    assert_eq!(answers, 1, "what was answered is not answered again");
    let next = to.run(&["ask", "--no-wait", "[[say: x]]"]);
    assert!(next.stdout.contains('6'), "numbers go on: {next:?}");
    assert_eq!(up.stop().code, Some(0));
}
