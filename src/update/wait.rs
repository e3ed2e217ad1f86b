//! Waiting until everything runs from the release that was put in place, or until that release was left again.

use std::time::Duration;

use agentlab_domain::intervention::State;
use agentlab_platform::{
    clock,
    life::Refusal,
    ping,
    releases::{self, Release},
    services,
};

use agentlab_domain::role::Role;

use crate::{
    failure::Failure,
    print,
    system::{LOOK, System},
};

/// How long nothing is said.
const SILENT: Duration = Duration::from_secs(10);
/// How long nobody may be there: a supervisor that replaces itself is away for a moment, and one that does not start is tried
/// three times.
const ALONE: Duration = Duration::from_mins(2);

/// Waits until the restart `asked` is over; fails when the release was left meanwhile.
pub async fn until_back(system: &System, asked: i64, release: &Release) -> Result<(), Failure> {
    let home = &system.home;
    ping::ping(&home.socket(Role::Supervisor.as_str()));
    let (began, mut supervised, mut said) = (clock::instant(), clock::instant(), false);
    loop {
        if let Some(bad) = releases::read(home, &release.name).and_then(|release| release.bad) {
            let words = format!("release {} was left: {}. {} runs again", release.words(), bad.why, bad.returned_to);
            return Err(Failure::words(words));
        }
        let Some(view) = system.db.intervention(asked).await? else {
            return Err(Failure::words("the request is gone"));
        };
        match view.state() {
            Some(State::Finished) => return Ok(()),
            Some(State::Dropped) => {
                let words = view.words.unwrap_or_default();
                let message = format!("release {} is in place, and nothing runs from it yet: {words}", release.words());
                return Err(Failure::words(message));
            }
            Some(State::Asked | State::Begun) | None => {}
        }
        if !said && began.elapsed() > clock::scaled(SILENT) {
            said = true;
            print::note("it takes longer than it should; if it does not get ready it is left by itself. I wait");
        }
        if agentlab_supervisor::is_running(home) {
            supervised = clock::instant();
        } else if supervised.elapsed() > clock::scaled(ALONE) {
            let start = services::what_starts(home);
            let message = format!("the system ended before it was done; {start} brings it to its end");
            return Err(Refusal::unavailable(message).into());
        }
        tokio::time::sleep(LOOK).await;
    }
}
