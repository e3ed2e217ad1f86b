//! `GET /api/status`: the whole system in one look.

use std::sync::Arc;

use agentlab_platform::db::status::Status;
use axum::{Json, extract::State};

use crate::{
    Shared,
    problem::{Problem, Usual},
};

/// What `agentlab status --json` says, from the last look.
#[utoipa::path(
    get,
    path = "/api/status",
    tag = "system",
    responses((status = 200, description = "From the last look at the database", body = Status), Usual)
)]
pub(crate) async fn status(State(shared): State<Arc<Shared>>) -> Result<Json<Status>, Problem> {
    shared.look().await.status().map(Json)
}
