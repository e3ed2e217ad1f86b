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
pub(crate) use ask::{Ask, accept};
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

/// An object alone: a list would fill the fields in turn.
fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::bad("the body is no JSON object: it begins with `{`, as in `{\"name\": \"value\"}`"));
    }
    axum::Json::from_bytes(bytes).map(|axum::Json(value)| value).map_err(|error: JsonRejection| {
        let words = error.body_text();
        let wrong = words.strip_prefix("Failed to deserialize the JSON body into the target type: ");
        Problem::bad(wrong.map_or_else(|| words.clone(), |wrong| format!("the body is not understood: {wrong}")))
    })
}

#[cfg(test)]
mod tests {
    use super::{pause::Pause, *};

    #[test]
    fn what_is_no_object_is_refused_in_words_for_people() {
        for wrong in
            [r#"["x", null, null, null]"#, "null", "1", "\"2h\"", "", "{", r#"{"until": 3}"#, r#"{"till": "2h"}"#]
        {
            let refused = parsed::<Pause>(wrong.as_bytes()).err().map(|problem| problem.words().to_owned());
            let words = refused.unwrap_or_else(|| format!("{wrong} was taken"));
            assert!(words.contains("body"), "{wrong}: {words}");
            assert!(!words.contains("struct") && !words.contains("Pause"), "{wrong}: {words}");
        }
        assert!(parsed::<Ask>(br#"["x", null, null, null]"#).is_err());
        for good in ["{}", " {\n}", r#"{"until": null}"#, r#"{"until": "2h"}"#] {
            assert!(parsed::<Pause>(good.as_bytes()).is_ok(), "{good}");
        }
    }
}
