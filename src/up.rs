//! `up`: the supervisor in the foreground. It prints one `ready:` line once everything is ready, and nothing is accepted
//! before.

use agentlab_domain::exit_code;
use agentlab_platform::{failpoints, kept, life::Refusal, spawn};
use agentlab_supervisor::{Ended, Mode, News};
use serde_json::json;

use crate::{failure::Failure, print};

/// Runs everything until Ctrl-C.
pub async fn up(drain: bool, as_json: bool) -> Result<u8, Failure> {
    failpoints::arm();
    let ended = agentlab_supervisor::serve(Mode::Up { drain }, |news| tell(&news, as_json)).await?;
    Ok(successor(ended)?)
}

/// The supervisor as a process of its own.
pub async fn supervise(private: bool) -> Result<u8, Refusal> {
    let mode = if private { Mode::Private } else { Mode::Service };
    let ended = agentlab_supervisor::serve(mode, |_| {}).await?;
    successor(ended)
}

/// What follows from the end of a supervisor: nothing, or another one in its place. It has let go of everything by now, and its
/// daemons go on meanwhile.
fn successor(ended: Ended) -> Result<u8, Refusal> {
    match ended {
        Ended::Stopped => Ok(exit_code::DONE),
        // Also as a service: the same process goes on, and its manager notices nothing.
        Ended::Replaced => {
            let error = spawn::become_another();
            if kept::by().is_some() {
                // Whoever keeps it starts it again, in its own time.
                return Ok(exit_code::RESTART);
            }
            Err(Refusal::unavailable(format!(
                "the supervisor could not take its own place ({error}); the others go on: start `agentlab up` again"
            )))
        }
    }
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
