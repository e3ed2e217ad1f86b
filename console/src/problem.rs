//! A *problem*: why a request was not done, for whoever reads the answer: what failed, and what to do.

use std::{io, sync::Arc};

use agentlab_platform::db::DbError;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// The answer to what was not done.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    words: Arc<str>,
}

/// The body of such an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Words<'a> {
    /// What failed, and what to do.
    error: &'a str,
}

/// Problems that any route may meet, as the description has them.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "for the description alone")]
pub(crate) enum Usual {
    /// Nobody is logged in
    #[response(status = 401)]
    NoLogin(#[to_schema] Words<'static>),
    /// Not by this road, or not from there
    #[response(status = 403)]
    Forbidden(#[to_schema] Words<'static>),
    /// The request did not come to its end in time
    #[response(status = 408)]
    Late(#[to_schema] Words<'static>),
    /// The database cannot be used now
    #[response(status = 503)]
    Unavailable(#[to_schema] Words<'static>),
    /// The disk is nearly full: nothing new is taken
    #[response(status = 507)]
    NoRoom(#[to_schema] Words<'static>),
}

impl Problem {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into().into() }
    }
    /// It could not be understood.
    pub(crate) fn bad(words: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, words)
    }
    /// There is no such thing.
    pub(crate) fn not_found(words: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, words)
    }
    /// It is not in a state in which that could be done.
    pub(crate) fn conflict(words: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, words)
    }
    /// Not by this road, or not from there.
    pub(crate) fn forbidden(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, words)
    }
    /// Nobody is logged in.
    pub(crate) fn no_login() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "this takes a login: `agentlab page` prints a link, and the socket run/console.sock in the home needs none",
        )
    }
    /// It did not come to its end in time.
    pub(crate) fn late() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the request took too long: send it anew, and all of it at once")
    }
    /// This address takes other methods, which the header `Allow` names.
    pub(crate) fn no_such_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this address does not take that method: the header Allow names those that it takes",
        )
    }
    /// Later, perhaps.
    pub(crate) fn unavailable(words: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, words)
    }
}

impl Problem {
    /// In a word or two, for the head of a page.
    pub(crate) fn title(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "Not logged in",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "Not possible now",
            StatusCode::METHOD_NOT_ALLOWED => "No such method",
            StatusCode::REQUEST_TIMEOUT => "Too slow",
            StatusCode::UNPROCESSABLE_ENTITY => "Not understood",
            StatusCode::INSUFFICIENT_STORAGE => "The disk is nearly full",
            _ => "Not available now",
        }
    }

    /// What failed and what to do.
    pub(crate) fn words(&self) -> &str {
        &self.words
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let status = if matches!(error, DbError::NoRoom(_)) {
            StatusCode::INSUFFICIENT_STORAGE
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        Self::new(status, error.to_string())
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(Words { error: &self.words });
        let mut response = (self.status, [(header::CACHE_CONTROL, "no-store")], body).into_response();
        // For whoever makes a page of it.
        response.extensions_mut().insert(self);
        response
    }
}
