//! Logging in to the page by the link of `agentlab page`, and out again.

use std::sync::Arc;

use agentlab_platform::login;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, Method, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    Shared,
    access::{cookie, name},
    problem::{Problem, Usual, Words},
};

/// Seconds for which a browser keeps the login: as long as it is good.
const KEPT: u64 = 30 * 24 * 60 * 60;

/// The link.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Link {
    link: String,
}

/// Turns the link into a login, once.
#[utoipa::path(
    get,
    path = "/login",
    tag = "login",
    params(Link),
    responses(
        (status = 303, description = "Logged in: the answer sets the cookie, and leads to the page"),
        (status = 403, description = "The link was used already, or is too old", body = Words),
        (status = 408, description = "The request did not come to its end in time", body = Words),
        (status = 503, description = "Logins cannot be read", body = Words),
    ),
    security(())
)]
pub(crate) async fn login(
    State(shared): State<Arc<Shared>>,
    method: Method,
    query: Result<Query<Link>, QueryRejection>,
) -> Result<Response, Problem> {
    // Whoever only asks what is there does not use it up.
    if method != Method::GET {
        return Err(Problem::forbidden("a link is opened, and not looked at"));
    }
    let good = match query {
        Ok(Query(asked)) => login::redeem(&shared.life.home, &asked.link)?,
        Err(_) => None,
    };
    let Some(token) = good else {
        return Err(Problem::forbidden(
            "this link was used already, or is older than ten minutes: `agentlab page` prints another",
        ));
    };
    tracing::info!("somebody logged in to the page");
    let name = name(shared.life.config.console.port);
    let kept = format!("{name}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={KEPT}", token.expose_secret());
    let headers =
        [(header::SET_COOKIE, kept), (header::CACHE_CONTROL, "no-store".into()), (header::LOCATION, "/".into())];
    Ok((StatusCode::SEE_OTHER, AppendHeaders(headers)).into_response())
}

/// Ends the login.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "login",
    responses((status = 204, description = "Logged out"), Usual)
)]
pub(crate) async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    let port = shared.life.config.console.port;
    if let Some(token) = cookie(&headers, port) {
        login::log_out(&shared.life.home, token)?;
    }
    let name = name(port);
    let gone = format!("{name}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, gone)])).into_response())
}
