//! The JSON routes: what the verbs of the command line do, by HTTP. One file a verb, with the verb's name.

mod ask;
mod cancel;
mod events;
mod job;
mod jobs;
mod openapi;
mod pause;
mod restart;
mod resume;
mod retry;
mod status;

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, Path, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
};
use serde::de::DeserializeOwned;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Shared, problem::Problem};
pub(crate) use ask::{Asked as Ask, accept};
pub(crate) use cancel::stop;
pub(crate) use pause::pause_until;
pub(crate) use restart::restart_role;
pub(crate) use resume::resume_all;
pub(crate) use retry::again;

/// Bytes of a request's body at most: the longest prompt, in the form of a form, where a letter may be three.
pub(crate) const LONGEST: usize = 13 * 1024 * 1024;

/// Every route under `/api`, with its description.
pub(crate) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(openapi::openapi))
        .routes(routes!(status::status))
        .routes(routes!(jobs::jobs, ask::ask))
        .routes(routes!(job::job))
        .routes(routes!(events::events))
        .routes(routes!(cancel::cancel))
        .routes(routes!(retry::retry))
        .routes(routes!(restart::restart))
        .routes(routes!(pause::pause))
        .routes(routes!(resume::resume))
        .layer(axum::extract::DefaultBodyLimit::max(LONGEST))
}

/// The number of a task in a path.
pub(crate) type Number = Result<Path<i64>, PathRejection>;

/// Reads it.
pub(crate) fn number(path: Number) -> Result<i64, Problem> {
    path.map(|Path(number)| number).map_err(|_| Problem::not_found("a task has a number"))
}

/// A query that could not be understood.
pub(crate) fn bad_query(rejection: QueryRejection) -> Problem {
    Problem::bad(rejection.body_text())
}

/// A JSON body, whatever its content type is said to be: the socket's users have `curl -d`.
pub(crate) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    parsed(&bytes(request).await?)
}

/// The same where nothing need be said.
pub(crate) async fn body_or_none<T: DeserializeOwned + Default>(request: Request) -> Result<T, Problem> {
    let bytes = bytes(request).await?;
    if bytes.is_empty() { Ok(T::default()) } else { parsed(&bytes) }
}

async fn bytes(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|error| Problem::bad(error.body_text()))
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    axum::Json::from_bytes(bytes)
        .map(|axum::Json(value)| value)
        .map_err(|error: JsonRejection| Problem::bad(error.body_text()))
}
