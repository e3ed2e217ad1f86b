//! `POST /api/jobs/ID/retry`: does an ended task again, as a new task.

use std::sync::Arc;

use agentlab_platform::{
    db::{enqueue::Source, retry::Retry},
    ping,
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Number, number};
use crate::{
    Shared,
    problem::{Problem, Usual, Words},
};

/// The new task.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    pub(crate) id: i64,
    /// The task that it does again.
    retry_of: i64,
    state: &'static str,
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
    path: Number,
) -> Result<(StatusCode, Json<Retried>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(again(&shared, number(path)?).await?)))
}

/// Does task `number` again.
pub(crate) async fn again(shared: &Shared, number: i64) -> Result<Retried, Problem> {
    let source = Source::Page { request_id: uuid::Uuid::new_v4().to_string() };
    match shared.life.db.retry(number, source, "the page").await? {
        Retry::Accepted { of, job } => {
            ping::ping_workers(&shared.life.home);
            Ok(Retried { id: job.number, retry_of: of, state: "queued" })
        }
        Retry::NotEnded { number, state } => {
            Err(Problem::conflict(format!("task {number} has not ended yet ({state})")))
        }
        Retry::NotFound => Err(Problem::not_found("there is no such task")),
    }
}
