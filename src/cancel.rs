//! `cancel`: stop a task. A waiting one is cancelled at once; a running one is asked to stop, and this waits until it has.

use agentlab_domain::{exit_code, job::State};
use agentlab_platform::{db::cancel::Cancel, life::Refusal, run_dir::RunDir};
use serde_json::json;

use crate::{failure::Failure, print, system};

/// Cancels task `id`.
pub async fn cancel(id: i64, as_json: bool) -> Result<u8, Failure> {
    let mut system = system::open().await?;
    let by = "the terminal";
    match system.db.cancel(id, by).await? {
        Cancel::Cancelled { number } => say(number, "cancelled", as_json),
        Cancel::Stopping { number, run_id } => {
            RunDir::of(&system.home, &run_id).request_stop(by)?;
            let mut private = system::Private::default();
            // The run ends by itself; that it is written down takes a worker.
            loop {
                private.ensure(&system.home)?;
                system.stay_open().await?;
                let Some(view) = system.db.job(number).await? else { break };
                match State::parse(&view.state) {
                    Some(state) if state.is_ended() => break,
                    // Its run may live, and yet nobody works on it: nobody can tell whether it is over.
                    Some(State::Parked) => {
                        let why = view.reason.unwrap_or_default();
                        let message = format!("task {number} is asked to stop and waits: {why}");
                        return Err(Refusal::unavailable(message).into());
                    }
                    Some(_) | None => {}
                }
                tokio::time::sleep(system::LOOK).await;
            }
            let state = system.db.job(number).await?.map(|view| view.state).unwrap_or_default();
            say(number, &state, as_json)
        }
        Cancel::Ended { number, state } => Err(Failure::words(format!("task {number} has ended before ({state})"))),
        Cancel::NotFound => Err(Failure::words(system.db.missing(id).await?)),
    }
}

fn say(number: i64, state: &str, as_json: bool) -> Result<u8, Failure> {
    if as_json {
        print::json(&json!({ "id": number, "state": state }))?;
    } else {
        print::line(&format!("task {number}: {state}"));
    }
    Ok(exit_code::DONE)
}
