//! `GET /api/status`: the whole system in one look.

use std::sync::Arc;

use agentlab_domain::report::Report;
use agentlab_platform::db::{status::Status, uptime::Uptime};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Shared,
    problem::{Problem, Usual},
};

/// The system in one look.
#[derive(Serialize, ToSchema)]
pub(crate) struct Whole {
    #[serde(flatten)]
    status: Status,
    /// Shares of the last day, week and month in which it served; null where the database does not tell in time.
    #[schema(value_type = Option<Object>)]
    uptime: Option<Uptime>,
    /// Of seven and thirty days; null where the database does not tell in time.
    #[schema(value_type = Option<Vec<Object>>)]
    reports: Option<[Report; 2]>,
}

/// What `agentlab status --json` says, from the last look.
#[utoipa::path(
    get,
    path = "/api/status",
    tag = "system",
    responses((status = 200, description = "From the last look at the database", body = Whole), Usual)
)]
pub(crate) async fn status(State(shared): State<Arc<Shared>>) -> Result<Json<Whole>, Problem> {
    let status = shared.look().await.status()?;
    let (uptime, reports) = shared.reports().await.unzip();
    Ok(Json(Whole { status, uptime, reports }))
}
