//! `GET /api/jobs/ID`: one task, with its answer.

use std::sync::Arc;

use agentlab_platform::db::jobs::JobView;
use axum::{Json, extract::State};

use super::{Number, number};
use crate::{Shared, problem::Problem};

/// The task.
pub(crate) async fn job(State(shared): State<Arc<Shared>>, path: Number) -> Result<Json<JobView>, Problem> {
    shared.job(number(path)?).await.map(Json)
}

impl Shared {
    /// One task, or that there is none.
    pub(crate) async fn job(&self, number: i64) -> Result<JobView, Problem> {
        let job = self.life.db.job(number).await?;
        job.ok_or_else(|| Problem::not_found(format!("there is no task {number}")))
    }
}
