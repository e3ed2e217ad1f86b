//! `POST /api/jobs`: gives a task, as `agentlab ask --no-wait` does. The same `request_id` twice is the same task: whoever
//! got no answer may ask again.

use std::sync::Arc;

use agentlab_domain::prompt;
use agentlab_platform::{
    db::enqueue::{NewJob, Resumes, Source},
    ping,
};
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use crate::{
    Shared,
    problem::{Problem, Usual, Words},
};

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// What is to be done.
    #[schema(min_length = 1, example = "Say hello")]
    pub(crate) prompt: String,
    /// By default the only configured project, else the workspace.
    pub(crate) project: Option<String>,
    /// The conversation that it goes on with.
    pub(crate) session: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// A task that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    pub(crate) id: i64,
    state: &'static str,
    /// Tasks of the same lane before it.
    ahead: i64,
    /// Nothing new begins at present, since somebody paused: until when, in words.
    paused: Option<String>,
}

/// Accepts it: what is answered is durable.
#[utoipa::path(
    post,
    path = "/api/jobs",
    tag = "tasks",
    request_body = Ask,
    responses(
        (status = 202, description = "The task is durable, and will be done", body = Accepted),
        (status = 404, description = "There is no such conversation", body = Words),
        (status = 422, description = "It cannot be understood, or there is no such project", body = Words),
        Usual,
    )
)]
pub(crate) async fn ask(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let asked: Ask = body(request).await?;
    Ok((StatusCode::ACCEPTED, Json(accept(&shared, asked).await?)))
}

/// Accepts what was asked for.
pub(crate) async fn accept(shared: &Shared, asked: Ask) -> Result<Accepted, Problem> {
    prompt::check(&asked.prompt).map_err(|error| Problem::bad(error.to_string()))?;
    let life = &shared.life;
    let (place, resumes) = match (&asked.session, &asked.project) {
        (Some(_), Some(_)) => return Err(Problem::bad("a conversation has its project: give one of the two")),
        (Some(name), None) => {
            let found = life.db.session(name).await?.ok_or_else(|| {
                Problem::not_found(format!("there is not exactly one conversation {name} that can be taken up"))
            })?;
            let (place, resumes) = Resumes::of(found, &life.config);
            (place, Some(resumes))
        }
        (None, Some(name)) => {
            let place = life.config.project_place(name).ok_or_else(|| {
                let nearest = life.config.nearest_project(name);
                let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
                Problem::bad(format!("there is no project `{name}`{hint}"))
            })?;
            (place, None)
        }
        (None, None) => (life.config.chat_place(life.home.workspace()), None),
    };
    if !place.path.is_dir() {
        return Err(Problem::unavailable(format!("the path of project `{}` is not there", place.project)));
    }
    let request_id = asked.request_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let job = NewJob { source: Source::Page { request_id }, place, prompt: asked.prompt, resumes };
    let accepted = life.db.enqueue(&job).await?;
    ping::ping_workers(&life.home);
    let paused = shared.kept().await?;
    Ok(Accepted { id: accepted.number, state: "queued", ahead: accepted.ahead, paused })
}

impl Shared {
    /// What is said of a task that is accepted during a pause.
    pub(super) async fn kept(&self) -> Result<Option<String>, Problem> {
        Ok(self.life.db.paused().await?.map(|paused| paused.kept()))
    }
}
