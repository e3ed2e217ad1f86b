//! Waiting for an intervention that was asked for, as `restart` and `recover` do.

use std::time::Duration;

use agentlab_domain::{exit_code, intervention::State, role::Role};
use agentlab_platform::{clock, life::Refusal, ping, services};

use crate::{
    failure::Failure,
    print,
    system::{LOOK, System},
};

/// How long nobody may be there who acts on it: a supervisor that replaces itself is away for a moment, and a service
/// manager takes its time.
const ALONE: Duration = Duration::from_secs(30);
/// How long nothing is said.
const SILENT: Duration = Duration::from_secs(5);
/// How long the supervisor may take to begin. It looks once a second.
const BEGIN: Duration = Duration::from_secs(30);

/// Has the supervisor look, waits until the intervention is over, and says what came of it.
pub async fn wait(system: &System, id: i64, as_json: bool) -> Result<u8, Failure> {
    let asked = clock::instant();
    let mut supervised = clock::instant();
    let mut patient = false;
    ping::ping(&system.home.socket(Role::Supervisor.as_str()));
    loop {
        let Some(view) = system.db.intervention(id).await? else { return Err(Failure::words("the request is gone")) };
        let words = view.words.clone().unwrap_or_default();
        match view.state() {
            Some(State::Finished) => {
                if as_json {
                    print::json(&view)?;
                } else {
                    print::line(words.replace("Back", "back").trim_end_matches('.'));
                }
                return Ok(exit_code::DONE);
            }
            Some(State::Dropped) => return Err(Failure::words(words)),
            Some(State::Asked) if asked.elapsed() > clock::scaled(BEGIN) => {
                let message = "the supervisor does not act on it. It is kept, and done as soon as the supervisor can: \
                               `agentlab doctor` says what is wrong";
                return Err(Refusal::unavailable(message).into());
            }
            // Begun, it takes as long as it takes: whoever does not come back is seen in `status`.
            Some(State::Asked | State::Begun) | None => {}
        }
        if !patient && asked.elapsed() > clock::scaled(SILENT) {
            patient = true;
            print::note(
                "it takes longer than it should: `agentlab status` in another terminal shows who is not ready. I wait",
            );
        }
        if agentlab_supervisor::is_running(&system.home) {
            supervised = clock::instant();
        } else if supervised.elapsed() > clock::scaled(ALONE) {
            let start = services::what_starts(&system.home);
            let message = format!("the system ended before it was done; {start} brings it to its end");
            return Err(Refusal::unavailable(message).into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Nobody is there who would do it.
pub fn nobody(home: &agentlab_platform::home::Home) -> Failure {
    let start = services::what_starts(home);
    Refusal::unavailable(format!("agentlab is not running in {}: start it with {start}", home.path().display())).into()
}
