//! What a piece of work belongs to, for every line that it logs. A *request* is whatever came in from outside: an update, a verb in
//! a terminal, an HTTP request. Its id goes with all that follows from it, over every process, until the answer has arrived.
//!
//! It decides nothing: work without a trace is done all the same. `job.request_id` is something else, the sender's own key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::{Instrument, Span};
use uuid::Uuid;

tokio::task_local! {
    static REQUEST: Option<String>;
}

/// The ids of a piece of work, as far as it has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub request: Option<String>,
    pub user: Option<i64>,
    /// `job.id`, and its number for people.
    pub job: Option<String>,
    pub task: Option<i64>,
    pub run: Option<String>,
}

impl Trace {
    /// Of a request that came in now.
    pub fn begun(request: String) -> Self {
        Self { request: Some(request), ..Self::default() }
    }

    /// Where the ids are put on every line. Not by level: a log of errors alone needs them too.
    pub fn span(&self) -> Span {
        tracing::error_span!(
            "work",
            request.id = self.request,
            user.id = self.user,
            job.id = self.job,
            task = self.task,
            run.id = self.run
        )
    }

    /// Does this work: its lines have these ids, and the rows that it writes the request's.
    pub async fn over<T>(self, work: impl Future<Output = T>) -> T {
        let span = self.span();
        REQUEST.scope(self.request, work.instrument(span)).await
    }
}

/// A request that comes in without an id of its own.
pub fn new_request() -> String {
    short(Uuid::new_v4().as_bytes())
}

/// An update's: the same however often Telegram sends it.
pub fn request_of_update(bot_id: i64, raw: &str) -> String {
    short(&Sha256::digest(format!("{bot_id}:{raw}").as_bytes()))
}

/// The request that this work belongs to.
pub fn request() -> Option<String> {
    REQUEST.try_with(Clone::clone).ok().flatten()
}

/// This work turned out to be about that job.
pub(crate) fn is_about(job: &str, number: i64) {
    Span::current().record("job.id", job).record("task", number);
}

/// Sixteen digits are enough to be one's own, and short enough to be read to somebody.
fn short(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_one_id_and_others_have_their_own() {
        assert_eq!(request_of_update(1, "{}"), request_of_update(1, "{}"));
        assert_ne!(request_of_update(1, "{}"), request_of_update(2, "{}"));
        assert_ne!(new_request(), new_request());
        assert_eq!(new_request().len(), 16);
    }

    #[tokio::test]
    async fn the_request_goes_with_the_work_and_no_further() {
        assert_eq!(request(), None);
        let inside = Trace::begun("a".into()).over(async { request() }).await;
        assert_eq!((inside.as_deref(), request()), (Some("a"), None));
    }
}
