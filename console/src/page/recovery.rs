//! What was healed, and what crashed.

use std::sync::Arc;

use agentlab_platform::{
    alert::{Book, book::Entry},
    clock,
    db::{crash::CrashRow, recovery::RecoveryView},
};
use askama::Template;
use axum::{extract::State, response::Html};

use super::render;
use crate::{Shared, problem::Problem};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;
/// Rows of each list.
const MOST: u32 = 100;

#[derive(Template)]
#[template(path = "recovery.html")]
struct Page {
    /// The newest first, those that fire before all others.
    alerts: Vec<Entry>,
    recoveries: Vec<RecoveryView>,
    crashes: Vec<CrashRow>,
}

impl Page {
    /// Which of the pages is open.
    const HERE: &'static str = "/recovery";
}

/// The page.
pub(crate) async fn recovery(State(shared): State<Arc<Shared>>) -> Result<Html<String>, Problem> {
    let db = &shared.life.db;
    let mut crashes = db.crashes_since(clock::now_ms() - WEEK_MS).await?;
    crashes.reverse();
    crashes.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    let mut alerts: Vec<Entry> = Book::of(&shared.life.home).read().into_values().collect();
    alerts.sort_by_key(|alert| std::cmp::Reverse((alert.over.is_none(), alert.began)));
    alerts.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    render(&Page { alerts, recoveries: db.recoveries(MOST).await?, crashes })
}
