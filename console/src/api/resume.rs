//! `POST /api/resume`: ends a pause. Where none is in force nothing changes.

use std::sync::Arc;

use agentlab_platform::ping;
use axum::{
    Json,
    extract::{Extension, State},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Shared,
    access::Road,
    problem::{Problem, Usual},
};

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resumed {
    /// Whether a pause was in force.
    resumed: bool,
}

/// Resumes.
#[utoipa::path(
    post,
    path = "/api/resume",
    tag = "system",
    responses((status = 200, description = "Nothing is paused any more", body = Resumed), Usual)
)]
pub(crate) async fn resume(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
) -> Result<Json<Resumed>, Problem> {
    resume_all(&shared, road).await.map(Json)
}

/// Ends the pause, and wakes the workers.
pub(crate) async fn resume_all(shared: &Shared, road: Road) -> Result<Resumed, Problem> {
    let resumed = shared.life.db.resume(road.actor()).await?;
    ping::ping_workers(&shared.life.home);
    Ok(Resumed { resumed })
}
