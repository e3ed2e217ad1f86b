//! The load: tasks from several chats and from the terminal, some of which are cancelled. A task is known by a number of our
//! own in its prompt; what it was given as is written down here, not asked of the product.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use agentlab_stand_ins::BotApi;

use super::Plan;
use crate::world::{ANN, Giver, Look, World};

/// Tasks that wait or run at any moment, so that no worker is idle for long.
const LOAD: usize = 8;
/// Chats that tasks come from: Ann's own, and groups.
pub(super) const CHATS: [i64; 5] = [ANN, -41, -42, -43, -44];

/// A task that was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) n: usize,
    /// The chat and the message that asked for it; a terminal has none.
    pub(super) asked: Option<(i64, i64)>,
}

/// The words by which a task is known.
pub(super) fn answer(n: usize) -> String {
    format!("answer-{n}.")
}

/// Gives tasks until it is to be calm; returns all of them.
pub(super) fn keep(world: &World, api: &BotApi, plan: &Plan, calm: &AtomicBool) -> Vec<Given> {
    let mut random = fastrand::Rng::with_seed(plan.seed + 1);
    let (mut giver, log) = (Giver::of(world, "p"), world.path("worked"));
    let mut given = Vec::new();
    while !calm.load(Ordering::Relaxed) {
        giver.keep_up();
        let counted = Look::once(world, "SELECT COUNT(*) FROM job WHERE ended_at IS NOT NULL");
        let ended = counted.map(|rows: Vec<(i64,)>| usize::try_from(rows[0].0).unwrap());
        // What is not known yet has not ended either.
        if ended.is_none_or(|ended| given.len().saturating_sub(ended) >= LOAD) {
            std::thread::park_timeout(Duration::from_millis(20));
            continue;
        }
        if random.u8(0..12) == 0 {
            cancel(world, &mut giver, api, &mut random);
        }
        let n = given.len();
        let seconds = if random.u8(0..10) == 0 { random.f64() * 8.0 } else { random.f64() * 1.5 };
        let prompt = format!(
            "task-{n} [[tool: Bash slow]] [[sleep: {seconds:.2}]] [[append: {} {n}]] [[say: {}]]",
            log.display(),
            answer(n)
        );
        let asked = if random.u8(0..5) < 3 {
            let chat = CHATS[random.usize(0..CHATS.len())];
            Some((chat, api.user_says(chat, ANN, &prompt).message_id))
        } else {
            // A database that is locked for long refuses: whoever asks, asks again, and it is the same task.
            while !giver.try_give(&prompt) {
                giver.keep_up();
            }
            None
        };
        given.push(Given { n, asked });
    }
    given
}

/// Cancels any task that has not ended.
fn cancel(world: &World, giver: &mut Giver, api: &BotApi, random: &mut fastrand::Rng) {
    let live: Vec<(i64, Option<i64>)> =
        Look::once(world, "SELECT number, chat FROM job WHERE ended_at IS NULL").unwrap_or_default();
    if live.is_empty() {
        return;
    }
    let (number, chat) = live[random.usize(0..live.len())];
    match chat {
        Some(chat) => {
            api.user_says(chat, ANN, &format!("/cancel {number}"));
        }
        None => giver.cancel(number),
    }
}
