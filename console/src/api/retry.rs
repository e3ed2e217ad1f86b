//! `POST /api/jobs/ID/retry`: does an ended task again, as a new task.

use std::sync::Arc;

use agentlab_platform::{
    db::{enqueue::Source, retry::Retry},
    ping,
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;

use super::{Number, number};
use crate::{Shared, problem::Problem};

/// The new task.
#[derive(Debug, Serialize)]
pub(crate) struct Retried {
    pub(crate) id: i64,
    /// The task that it does again.
    retry_of: i64,
    state: &'static str,
}

/// Accepts it.
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
