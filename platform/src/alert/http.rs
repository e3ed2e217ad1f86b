//! HTTP for alerts: one request, no redirects to elsewhere, and errors that show neither address nor secret.

use std::sync::OnceLock;

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};

use super::SendError;

/// The client of this process; built once, since its certificates cost a moment.
pub(super) fn client() -> Result<Client, SendError> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    // Nothing is kept open: between two alerts lie days, and a connection of yesterday is dead.
    let built = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).build().map_err(refused)?;
    Ok(CLIENT.get_or_init(|| built).clone())
}

/// Sends it and takes any success for an answer; else the status, and what `words` makes of the answer's text.
pub(super) async fn ask(request: RequestBuilder, words: impl Fn(&str) -> Option<String>) -> Result<(), SendError> {
    let answer: Response = request.send().await.map_err(refused)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    let why = words(&text).unwrap_or_default();
    Err(SendError::Refused(format!("{status} {why}").trim_end().to_owned()))
}

/// An error with what caused it, and without the address, which may hold a secret.
pub(super) fn refused(error: reqwest::Error) -> SendError {
    SendError::Refused(causes(&error.without_url()))
}

/// An error with what caused it: "error sending request" alone helps nobody.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
