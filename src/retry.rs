//! `retry`: do an ended task again, as a new task, and follow it.

use agentlab_domain::exit_code;
use agentlab_platform::{
    db::{enqueue::Source, retry::Retry},
    life::{Refusal, Stop},
    lock::{Lock, Mode},
};

use crate::{ask, failure::Failure, print, system};

/// Does task `id` again.
pub async fn retry(id: i64, no_wait: bool, as_json: bool) -> Result<u8, Failure> {
    let mut system = system::open().await?;
    let _waiting = Lock::take(&system.home.lock("ask"), Mode::Shared)?;
    let mut stop = Stop::listen()?;
    let source = Source::Terminal { request_id: uuid::Uuid::new_v4().to_string() };
    match system.db.retry(id, source, "terminal").await? {
        Retry::Accepted { of, job } => {
            if !no_wait {
                print::note(&format!("task {} does task {of} again", job.number));
            }
            ask::given(&mut system, &mut stop, job.number, no_wait, as_json).await
        }
        Retry::NotEnded { number, state } => Err(Failure::words(format!(
            "task {number} has not ended yet ({state}): `agentlab cancel {number}` ends it"
        ))),
        Retry::NotFound => Err(Refusal { code: exit_code::FAILED, message: system.db.missing(id).await? }.into()),
    }
}
