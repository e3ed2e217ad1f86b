//! What the page's forms send. Each does what its JSON route does, and leads back to a page.

use std::sync::Arc;

use agentlab_domain::role::Role;
use axum::{
    Form,
    extract::{Extension, State, rejection::FormRejection},
    response::Redirect,
};
use serde::Deserialize;

use crate::{
    Shared,
    access::Road,
    api::{self, Number, number},
    problem::Problem,
};

/// A task.
#[derive(Debug, Deserialize)]
pub(crate) struct Ask {
    prompt: String,
    #[serde(default)]
    project: String,
}

/// Accepts a task and shows it.
pub(crate) async fn ask(
    State(shared): State<Arc<Shared>>,
    form: Result<Form<Ask>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(ask) = form.map_err(bad)?;
    // A form's lines end as in e-mail.
    let prompt = ask.prompt.replace("\r\n", "\n");
    let project = Some(ask.project).filter(|project| !project.is_empty());
    let accepted = api::accept(&shared, api::Ask { prompt, project, session: None, request_id: None }).await?;
    Ok(Redirect::to(&format!("/jobs/{}", accepted.id)))
}

/// Stops a task and shows it.
pub(crate) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    path: Number,
) -> Result<Redirect, Problem> {
    let number = number(path)?;
    api::stop(&shared, number, road).await?;
    Ok(Redirect::to(&format!("/jobs/{number}")))
}

/// Does a task again and shows the new one.
pub(crate) async fn retry(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    path: Number,
) -> Result<Redirect, Problem> {
    let retried = api::again(&shared, number(path)?, road).await?;
    Ok(Redirect::to(&format!("/jobs/{}", retried.id)))
}

/// Whom to start again; nobody named: everybody.
#[derive(Debug, Deserialize)]
pub(crate) struct Restart {
    role: Option<Role>,
}

/// Asks for a restart and shows the processes.
pub(crate) async fn restart(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    form: Result<Form<Restart>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(asked) = form.map_err(bad)?;
    api::restart_role(&shared, asked.role, road).await?;
    Ok(Redirect::to("/processes"))
}

/// Until when; nothing: until somebody resumes.
#[derive(Debug, Deserialize)]
pub(crate) struct Pause {
    #[serde(default)]
    until: String,
}

/// Pauses and shows what runs.
pub(crate) async fn pause(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    form: Result<Form<Pause>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(asked) = form.map_err(bad)?;
    let until = Some(asked.until.trim()).filter(|until| !until.is_empty());
    api::pause_until(&shared, until, road).await?;
    Ok(Redirect::to("/"))
}

/// Ends a pause and shows what runs.
pub(crate) async fn resume(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
) -> Result<Redirect, Problem> {
    api::resume_all(&shared, road).await?;
    Ok(Redirect::to("/"))
}

fn bad(rejection: FormRejection) -> Problem {
    Problem::bad(rejection.body_text())
}
