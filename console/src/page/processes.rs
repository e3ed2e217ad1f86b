//! Workers and processes: who is there, since when, what they use, and how often they were started.

use std::sync::Arc;

use agentlab_domain::role::Role;
use agentlab_platform::{
    clock,
    db::status::ProcessView,
    detectors::{self, Detectors},
    usage,
};
use askama::Template;
use axum::{extract::State, response::Html};

use super::{at, component, render};
use crate::{Shared, problem::Problem};

const DAY_MS: i64 = 24 * 3_600_000;

struct Row {
    name: String,
    state: &'static str,
    colour: &'static str,
    pid: i32,
    memory: String,
    since: String,
    starts: i64,
    version: String,
    note: String,
}

#[derive(Template)]
#[template(path = "processes.html")]
struct Page {
    rows: Vec<Row>,
    /// Those of which somebody should be there.
    roles: Vec<&'static str>,
    detectors: Detectors,
}

impl Page {
    /// Which of the pages is open.
    const HERE: &'static str = "/processes";
}

/// The page.
pub(crate) async fn processes(State(shared): State<Arc<Shared>>) -> Result<Html<String>, Problem> {
    let life = &shared.life;
    let processes = life.db.status().await?.processes;
    let starts = life.db.starts_since(clock::now_ms() - DAY_MS).await?;
    let pids: Vec<i32> = processes.iter().map(|process| process.pid).collect();
    let used = tokio::task::spawn_blocking(move || usage::of(&pids)).await.unwrap_or_default();
    let rows = processes.into_iter().enumerate().map(|(n, process)| {
        let memory = used.get(n).copied().flatten().filter(|_| process.alive).map(|usage| usage.memory);
        let started = starts.iter().find(|(role, slot, _)| component(role, *slot) == process.id);
        row(process, memory, started.map_or(0, |(_, _, times)| *times))
    });
    let has_bot = life.config.telegram.token.is_some();
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Bot || has_bot).map(Role::as_str).collect();
    render(&Page { rows: rows.collect(), roles, detectors: detectors::all(&life.home) })
}

fn row(process: ProcessView, memory: Option<u64>, starts: i64) -> Row {
    let state = process.state();
    Row {
        state,
        colour: colour(state),
        pid: process.pid,
        memory: memory.map(|bytes| format!("{} MiB", bytes / (1024 * 1024))).unwrap_or_default(),
        since: at(process.started_at),
        starts,
        version: process.version,
        note: process.note.unwrap_or_default(),
        name: process.id,
    }
}

/// How a state looks.
fn colour(state: &str) -> &'static str {
    match state {
        "ready" => "good",
        "starting" => "wait",
        _ => "bad",
    }
}
