//! `GET /api/jobs`: tasks, newest first, page by page.

use std::sync::Arc;

use agentlab_platform::db::jobs::{JobView, Listed};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};

use super::bad_query;
use crate::{Shared, problem::Problem};

/// Tasks of a page at most, and when nothing is said.
const MOST: u32 = 200;
const USUAL: u32 = 50;

/// Which tasks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asked {
    /// Only those that have not ended.
    live: bool,
    /// Only those older than this one: the `next` of the page before.
    before: Option<i64>,
    limit: Option<u32>,
    /// Only those whose text or answer holds these words.
    q: Option<String>,
}

/// One page.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    jobs: Vec<JobView>,
    /// What to give as `before` for the next page; null where there is none.
    next: Option<i64>,
}

/// Lists them.
pub(crate) async fn jobs(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(asked) = query.map_err(bad_query)?;
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
    let listed =
        Listed { live: asked.live, before: asked.before, words: asked.q, limit: limit + 1, ..Listed::default() };
    let mut jobs = shared.life.db.list(&listed).await?;
    let more = jobs.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = jobs.last().filter(|_| more).map(|job| job.id);
    Ok(Json(Page { jobs, next }))
}
