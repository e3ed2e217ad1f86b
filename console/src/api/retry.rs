//! `POST /api/jobs/ID/retry`: does an ended task again, as a new task.

use std::sync::Arc;

use agentlab_platform::{
    db::{enqueue::Source, retry::Retry},
    ping,
};
use axum::{
    Json,
    extract::{Extension, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Number, number};
use crate::{
    Shared,
    access::Road,
    problem::{Problem, Usual, Words},
};

/// The new task.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    pub(crate) id: i64,
    /// The task that it does again.
    retry_of: i64,
    state: &'static str,
    /// Nothing new begins at present, since somebody paused: until when, in words.
    paused: Option<String>,
}

/// Accepts it.
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/retry",
    tag = "tasks",
    params(("id" = i64, Path, description = "The task's number", example = 1)),
    responses(
        (status = 202, description = "It is done again, as a new task", body = Retried),
        (status = 404, description = "There is no such task", body = Words),
        (status = 409, description = "It has not ended yet", body = Words),
        Usual,
    )
)]
pub(crate) async fn retry(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    path: Number,
) -> Result<(StatusCode, Json<Retried>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(again(&shared, number(path)?, road).await?)))
}

/// Does task `number` again, for who came by this road.
pub(crate) async fn again(shared: &Shared, number: i64, road: Road) -> Result<Retried, Problem> {
    // Before it is accepted: whoever gets no answer asks again, and each time is another task.
    let paused = shared.kept().await?;
    let source = Source::Page { request_id: uuid::Uuid::new_v4().to_string() };
    match shared.life.db.retry(number, source, road.actor()).await? {
        Retry::Accepted { of, job } => {
            ping::ping_workers(&shared.life.home);
            Ok(Retried { id: job.number, retry_of: of, state: "queued", paused })
        }
        Retry::NotEnded { number, state } => {
            Err(Problem::conflict(format!("task {number} has not ended yet ({state})")))
        }
        Retry::NotFound => Err(Problem::not_found(shared.life.db.missing(number).await?)),
    }
}
