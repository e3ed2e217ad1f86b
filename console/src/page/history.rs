//! All tasks, the newest first, page by page, with search.

use std::sync::Arc;

use agentlab_platform::db::jobs::{JobView, Listed, Listing};
use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Html,
};
use serde::Deserialize;

use super::render;
use crate::{Shared, problem::Problem};

/// Tasks of a page.
const MANY: u32 = 50;

/// What is searched for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    words: String,
    jobs: Vec<JobView>,
    next: Option<i64>,
}

impl Page {
    /// Which of the pages is open.
    const HERE: &'static str = "/jobs";
}

/// The page.
pub(crate) async fn history(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let Query(asked) = query.map_err(|rejection| Problem::bad(rejection.body_text()))?;
    let listed = Listed { before: asked.before, words: Some(asked.q.clone()), limit: MANY, ..Listed::default() };
    let Listing { jobs, next } = shared.life.db.page_of_jobs(&listed).await?;
    render(&Page { words: asked.q, jobs, next })
}
