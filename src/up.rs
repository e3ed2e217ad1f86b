//! `up`: the supervisor in the foreground. It prints one `ready:` line once everything is ready, and nothing is accepted
//! before.

use std::ffi::OsString;

use agentlab_domain::exit_code;
use agentlab_platform::{
    failpoints,
    home::Home,
    kept,
    life::Refusal,
    release,
    releases::{
        self,
        start::{self, Start},
    },
    services, succession,
};
use agentlab_supervisor::{Ended, Mode, News};
use serde_json::json;

use crate::{failure::Failure, print};

/// Runs everything until Ctrl-C.
pub async fn up(drain: bool, as_json: bool) -> Result<u8, Failure> {
    failpoints::arm();
    let home = Home::open()?;
    refuse_beside_services(&home).await?;
    if let Some(code) = from_what_is_in_place(&home).await? {
        return Ok(code);
    }
    let ended = agentlab_supervisor::serve(Mode::Up { drain }, |news| tell(&news, as_json)).await?;
    Ok(successor(&home, ended)?)
}

/// Refuses in a home that services keep, also in the seconds in which none of them is there: this one would take over what is the
/// manager's, and its Ctrl-C would stop all of it. Where the manager does not answer, nobody else would start anything.
async fn refuse_beside_services(home: &Home) -> Result<(), Refusal> {
    let Some(manager) = services::keeps(home).await else { return Ok(()) };
    let message = format!(
        "services keep {}, and {} starts them again: `agentlab service status` shows them, `agentlab service install` repairs \
         and starts them. To run everything here instead, `agentlab service uninstall` first (the data stays)",
        home.path().display(),
        manager.kind.as_str()
    );
    Err(Refusal { code: exit_code::ALREADY_RUNNING, message })
}

/// Sees to it that the release in place is the one that runs; with an exit code where another process is to do so.
async fn from_what_is_in_place(home: &Home) -> Result<Option<u8>, Refusal> {
    agentlab_supervisor::wait_for_recovery(home, print::note).await;
    match start::start(home).map_err(Refusal::unavailable)? {
        Start::Stay => Ok(None),
        Start::Become(words) => {
            if let Some(words) = words {
                print::note(&words);
            }
            replace(home).map(Some)
        }
    }
}

/// The earlier release, behind a supervisor on trial.
pub async fn stand_by(arguments: &[OsString]) -> Result<u8, Failure> {
    Ok(agentlab_supervisor::standby::stand_by(&Home::open()?, arguments, print::note).await?)
}

/// The supervisor as a process of its own.
pub async fn supervise(private: bool) -> Result<u8, Refusal> {
    let home = Home::open()?;
    if private {
        agentlab_supervisor::serve(Mode::Private, |_| {}).await?;
        return Ok(exit_code::DONE);
    }
    if let Some(code) = from_what_is_in_place(&home).await? {
        return Ok(code);
    }
    let ended = agentlab_supervisor::serve(Mode::Service, |_| {}).await?;
    successor(&home, ended)
}

/// What follows from the end of a supervisor: nothing, or another one in its place. It has let go of everything by now, and its
/// daemons go on meanwhile.
fn successor(home: &Home, ended: Ended) -> Result<u8, Refusal> {
    match ended {
        Ended::Stopped => Ok(exit_code::DONE),
        Ended::Replaced => replace(home),
    }
}

/// Has what is installed take the place of this process. It returns where somebody else is to do so, or where nobody could.
fn replace(home: &Home) -> Result<u8, Refusal> {
    if succession::somebody_stands_by() {
        return Ok(exit_code::RESTART);
    }
    let own = release::current().name;
    let is_new = releases::trial::in_force(home).is_some_and(|trial| own != Some(trial.release.as_str()));
    // A release that still has to prove itself, and nobody else to start it again: this one stays behind it.
    if is_new && kept::by().is_none() {
        let error = succession::stand_by();
        print::note(&format!("nobody stands behind the release on trial: {error}"));
    }
    // Also as a service: the same process goes on, and its manager notices nothing.
    let error = succession::become_another(home);
    if kept::by().is_some() {
        // Whoever keeps it starts it again, in its own time.
        return Ok(exit_code::RESTART);
    }
    Err(Refusal::unavailable(format!(
        "the supervisor could not take its own place ({error}); the others go on: start `agentlab up` again"
    )))
}

fn tell(news: &News, as_json: bool) {
    match news {
        News::Ready { bot, console_port, workers, rehearsal } => {
            let console = console_port.map(|port| format!("http://127.0.0.1:{port}"));
            if as_json {
                print::line(
                    &json!({ "ready": true, "workers": workers, "bot": bot, "console": console, "rehearsal": rehearsal })
                        .to_string(),
                );
                return;
            }
            let bot = if *bot { "the bot is on" } else { "the bot is off (no telegram.token)" };
            if *rehearsal {
                print::note("No `claude` was found: tasks are only rehearsed, and every answer says so.");
            }
            print::line(&format!(
                "ready: {} with {workers} workers; {bot}",
                console.unwrap_or_else(|| "no console".into())
            ));
        }
        News::Died { post, words } => match words {
            Some(words) => print::note(&format!("{post} ended ({words}); I start it again")),
            None => print::note(&format!("{post} ended; I start it again")),
        },
        News::Locked { words } => print::note(words),
        News::Diagnosed { post, words } => print::note(&format!("{post}: {words}")),
        News::Draining => print::note("running tasks end first; Ctrl-C once more lets them go on without me"),
        News::Stopping => print::note("stopping"),
        News::LeftRunning { runs } => print::note(&format!(
            "{runs} running task{} on; `agentlab up` takes over again. Ctrl-C once more stops {} too.",
            if *runs == 1 { " goes" } else { "s go" },
            if *runs == 1 { "it" } else { "them" },
        )),
    }
}
