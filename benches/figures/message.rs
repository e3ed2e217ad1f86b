//! Message to child started: from the moment in which a person's message is there for the bot's open long poll, to the
//! first statement of the agent's `main`. On that way lie two FULL commits (intake, claim), four files that are synced,
//! and three programs (shim, gate, agent).
//!
//! The *agent* is this program in another part: it reports when it began, and answers.

use std::time::Duration;

use agentlab_stand_ins::BotApi;
use serde_json::json;

use crate::{
    clock,
    floor::Floor,
    report::{Reporter, Reports},
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::{ANN, LONG, World},
};

/// Messages that are measured, after some that are not.
const MESSAGES: i64 = 60;
const WARM_UP: i64 = 3;
/// Between the answer and the next message: the shim ends, the bot polls again.
const QUIET: Duration = Duration::from_millis(150);
const AIM: Duration = Duration::from_millis(20);
/// What the agent answers.
const ANSWER: &str = "measured";

pub(crate) fn measure(floor: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let api = BotApi::start();
    let world = World::with_bot(&api)?;
    let reports = Reports::at(&world.path("report"))?;
    let up = world.up()?;
    let mut measured = Vec::new();
    for number in 0..WARM_UP + MESSAGES {
        api.wait_for(LONG, "an open poll", |state| state.polling().then_some(()));
        std::thread::sleep(QUIET);
        // A chat of its own: what is delivered to one chat is paced.
        let chat = -1000 - number;
        let said = clock::now();
        api.user_says(chat, ANN, "begin");
        let began = reports.next()?;
        if number >= WARM_UP {
            measured.push(began.saturating_sub(said));
        }
        api.wait_for_text(chat, ANSWER, LONG);
    }
    up.stop()?;
    let samples: Samples = measured.into_iter().collect();
    let least = floor.paused_commit.p50() * 2 + floor.spawn.p50() * 3;
    table.row(Row {
        figure: format!("message to child started (n = {})", samples.count()),
        measured: format!("p50 {}, p95 {}, worst {}", ms(samples.p50()), ms(samples.p95()), ms(samples.worst())),
        floor: format!("{} (2 commits, 3 spawns)", ms(least)),
        ratio: ratio(samples.p50(), least),
        aim: aim("p50 under 20 ms", samples.p50() < AIM),
    });
    Ok(())
}

/// The part of the agent, which began at `began`.
pub(crate) fn agent(began: Duration) -> anyhow::Result<()> {
    Reporter::of_environment()?.tell(began)?;
    println!("{}", json!({ "type": "result", "subtype": "success", "is_error": false, "result": ANSWER }));
    Ok(())
}
