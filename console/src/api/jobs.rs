//! `GET /api/jobs`: tasks, newest first, page by page.

use std::sync::Arc;

use agentlab_domain::job::State;
use agentlab_platform::db::jobs::{JobView, Listed, Listing};
use axum::{
    Json,
    extract::{self, Query, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bad_query;
use crate::{
    Shared,
    problem::{Problem, Usual, Words},
};

/// Tasks of a page at most, and when nothing is said.
const MOST: u32 = 200;
const USUAL: u32 = 50;

/// Which tasks.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Which {
    /// Only those that have not ended.
    live: bool,
    /// Only those older than this one: the `next` of the page before.
    before: Option<i64>,
    /// Tasks of a page: 50 when nothing is said, 200 at most.
    limit: Option<u32>,
    /// Only those whose text or answer holds these words. They are looked for among five thousand tasks at a time, so a page may be
    /// empty and have a next one.
    q: Option<String>,
    /// Only those in this state.
    #[param(pattern = "^(queued|running|retrying|parked|waiting|done|failed|cancelled|poison)$")]
    state: Option<String>,
    /// Only those of this project.
    project: Option<String>,
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    jobs: Vec<JobView>,
    /// What to give as `before` for the next page; null where there is none.
    next: Option<i64>,
}

/// Lists them.
#[utoipa::path(
    get,
    path = "/api/jobs",
    tag = "tasks",
    params(Which),
    responses(
        (status = 200, description = "A page of tasks, the newest first", body = Page),
        (status = 422, description = "It cannot be understood", body = Words),
        Usual,
    )
)]
pub(crate) async fn jobs(
    extract::State(shared): extract::State<Arc<Shared>>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(asked) = query.map_err(bad_query)?;
    if let Some(state) = asked.state.as_deref().filter(|state| State::parse(state).is_none()) {
        return Err(Problem::bad(format!("there is no state `{state}`")));
    }
    let Which { live, before, limit, q: words, state, project } = asked;
    let limit = limit.unwrap_or(USUAL).clamp(1, MOST);
    let listed = Listed { live, before, words, state, project, limit };
    let Listing { jobs, next } = shared.life.db.page_of_jobs(&listed).await?;
    Ok(Json(Page { jobs, next }))
}

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use super::*;

    #[test]
    fn the_described_states_are_all_of_them() {
        let described = serde_json::to_string(&Which::into_params(|| None)).unwrap();
        let states = State::ALL.map(State::as_str).join("|");
        assert!(described.contains(&format!("^({states})$")), "{described}");
    }
}
