//! How long requests to Telegram take, as the bot makes them. Each is made within its limit, and counted where counts are kept.

use std::{future::Future, time::Duration};

use agentlab_platform::{clock, home::Home, response::Responses};
use tokio::time::error::Elapsed;

/// The counting; the default one counts nothing: for who only looks.
#[derive(Debug, Default)]
pub(crate) struct Timing(Option<Responses>);

impl Timing {
    /// Goes on with the counts of this home.
    pub(crate) fn kept(home: &Home) -> Self {
        Self(Some(Responses::open(home)))
    }

    /// Makes a request within a limit. One that was not answered, or with an error that `fails`, counts as failed.
    pub(crate) async fn of<T, E>(
        &self,
        method: &str,
        limit: Duration,
        fails: impl Fn(&E) -> bool,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Elapsed> {
        let began = clock::instant();
        let answer = tokio::time::timeout(limit, request).await;
        if let Some(responses) = &self.0 {
            let failed = answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(fails));
            responses.took(method, began.elapsed(), failed);
        }
        answer
    }
}
