//! `POST /api/jobs/ID/cancel`: stops a task. A waiting one is cancelled at once; a running one is asked to stop.

use std::sync::Arc;

use agentlab_platform::{db::cancel::Cancel, ping, run_dir::RunDir};
use axum::{
    Json,
    extract::{Extension, State},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Number, number};
use crate::{
    Shared,
    access::Road,
    problem::{Problem, Usual, Words},
};

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cancelled {
    id: i64,
    /// `cancelled`, or `stopping`: its run is asked to end.
    state: &'static str,
}

/// Cancels it.
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/cancel",
    tag = "tasks",
    params(("id" = i64, Path, description = "The task's number", example = 1)),
    responses(
        (status = 200, description = "It is cancelled, or its run was asked to end", body = Cancelled),
        (status = 404, description = "There is no such task", body = Words),
        (status = 409, description = "It has ended before", body = Words),
        Usual,
    )
)]
pub(crate) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    path: Number,
) -> Result<Json<Cancelled>, Problem> {
    stop(&shared, number(path)?, road).await.map(Json)
}

/// Stops task `number`, for who came by this road.
pub(crate) async fn stop(shared: &Shared, number: i64, road: Road) -> Result<Cancelled, Problem> {
    let life = &shared.life;
    match life.db.cancel(number, road.actor()).await? {
        Cancel::Cancelled { number } => Ok(Cancelled { id: number, state: "cancelled" }),
        Cancel::Stopping { number, run_id } => {
            RunDir::of(&life.home, &run_id).request_stop(road.actor())?;
            ping::ping_workers(&life.home);
            Ok(Cancelled { id: number, state: "stopping" })
        }
        Cancel::Ended { number, state } => Err(Problem::conflict(format!("task {number} has ended before ({state})"))),
        Cancel::NotFound => Err(Problem::not_found(life.db.missing(number).await?)),
    }
}
