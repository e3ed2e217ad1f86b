//! The weekly summary: the owner hears of a week in which something happened, once, whoever is started again.

use agentlab_platform::{calendar, clock};
use agentlab_stand_ins::BotApi;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::world::{ANN, LONG, World};

/// Puts all that happened so far into this hour of the past.
fn happened_at(world: &World, at: i64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(world.home().join("agentlab.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("UPDATE job SET accepted_at = ?1, ended_at = ?1 + 40000")
            .bind(at)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_machine_that_slept_on_monday_tells_its_owner_of_the_week_once() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    // A look each three seconds.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let up = world.up();
    api.user_says(ANN, ANN, "[[say: of last week.]]");
    api.wait_for_text(ANN, "of last week.", LONG);
    assert_eq!(up.stop().code, Some(0));
    let week = calendar::week_due(clock::now_ms()).unwrap();
    happened_at(&world, week.from + 3_600_000);
    let up = world.up();
    let told = api.wait_for_text(ANN, &format!("The week from {} to {}", week.first_day, week.last_day), LONG);
    assert!(told.text.contains("1 task (0.1 a day)") && told.text.contains("within 40 s"), "{}", told.text);
    assert_eq!(up.stop().code, Some(0));
    let up = world.up();
    // Whatever is answered now was asked after the first look of the new bot.
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, "Last 30 days:", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM outbox WHERE body LIKE '%The week from%'"), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM said WHERE key LIKE 'weekly:%'"), 1);
    assert_eq!(up.stop().code, Some(0));
}
