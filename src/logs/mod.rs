//! `logs`: the log of all processes, or what the agent of one task printed.

mod entry;
mod of_run;
mod of_system;

use crate::{args, failure::Failure};

/// Prints the log, or with a task's number the events of its newest run.
pub async fn logs(asked: args::Logs, as_json: bool) -> Result<u8, Failure> {
    match asked.id {
        Some(id) => of_run::print(id, asked.follow, as_json).await,
        None => of_system::print(&asked, as_json).await,
    }
}
