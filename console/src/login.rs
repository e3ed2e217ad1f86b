//! Logging in to the page by the link of `agentlab page`, and out again.

use std::sync::Arc;

use agentlab_platform::login;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::{
    Shared,
    access::{COOKIE, cookie},
    problem::Problem,
};

/// Seconds for which a browser keeps the login: as long as it is good.
const KEPT: u64 = 30 * 24 * 60 * 60;

/// The link.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    link: String,
}

/// Turns the link into a login, once.
pub(crate) async fn login(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
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
    let kept = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={KEPT}", token.expose_secret());
    let headers =
        [(header::SET_COOKIE, kept), (header::CACHE_CONTROL, "no-store".into()), (header::LOCATION, "/".into())];
    Ok((StatusCode::SEE_OTHER, AppendHeaders(headers)).into_response())
}

/// Ends the login.
pub(crate) async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = cookie(&headers) {
        login::log_out(&shared.life.home, token)?;
    }
    let gone = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, gone)])).into_response())
}
