//! `GET /api/jobs/ID`: one task, with its answer.

use std::sync::Arc;

use agentlab_platform::db::jobs::JobView;
use axum::{Json, extract::State};

use super::{Number, number};
use crate::{
    Shared,
    problem::{Problem, Usual, Words},
};

/// The task.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    tag = "tasks",
    params(("id" = i64, Path, description = "The task's number", example = 1)),
    responses(
        (status = 200, description = "The task, with its answer", body = JobView),
        (status = 404, description = "There is no such task", body = Words),
        Usual,
    )
)]
pub(crate) async fn job(State(shared): State<Arc<Shared>>, path: Number) -> Result<Json<JobView>, Problem> {
    shared.job(number(path)?).await.map(Json)
}

impl Shared {
    /// One task, or that there is none.
    pub(crate) async fn job(&self, number: i64) -> Result<JobView, Problem> {
        let job = self.life.db.job(number).await?;
        match job {
            Some(job) => Ok(job),
            None => Err(Problem::not_found(self.life.db.missing(number).await?)),
        }
    }
}
