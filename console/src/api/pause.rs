//! `POST /api/pause`: nothing new begins, until `{"until": "18:00"}` or until somebody resumes. What runs goes on, and tasks are
//! accepted all the same.

use std::sync::Arc;

use agentlab_platform::{calendar, clock, db::pause::PauseView};
use axum::{
    Json,
    extract::{Extension, Request, State},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body_or_none;
use crate::{
    Shared,
    access::Road,
    problem::{Problem, Usual, Words},
};

/// Until when.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pause {
    /// `18:00` (today), `2h`, `1h30m` or `2026-11-23T08:00`, in the machine's time; without it until somebody resumes.
    #[schema(example = "2h")]
    until: Option<String>,
}

/// Pauses.
#[utoipa::path(
    post,
    path = "/api/pause",
    tag = "system",
    request_body(content = Pause, description = "Nothing at all is the same as an empty object"),
    responses(
        (status = 200, description = "Nothing new begins from now on", body = PauseView),
        (status = 409, description = "So short a pause that it is over already", body = Words),
        (status = 422, description = "The time cannot be read, is past, or is more than a year away", body = Words),
        Usual,
    )
)]
pub(crate) async fn pause(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    request: Request,
) -> Result<Json<PauseView>, Problem> {
    let asked: Pause = body_or_none(request).await?;
    pause_until(&shared, asked.until.as_deref(), road).await.map(Json)
}

/// Pauses until then, for who came by this road.
pub(crate) async fn pause_until(shared: &Shared, until: Option<&str>, road: Road) -> Result<PauseView, Problem> {
    let until = until.map(|text| calendar::until(text, clock::now_ms())).transpose();
    let until = until.map_err(|refused| Problem::bad(format!("nothing is paused: {refused}")))?;
    let paused = shared.life.db.pause(until, road.actor()).await?;
    paused.ok_or_else(|| Problem::conflict("the pause is over already"))
}
