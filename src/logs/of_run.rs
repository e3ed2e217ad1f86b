//! What the agent of one task printed, as its newest run kept it, without secrets: what is shown is copied to others.

use agentlab_domain::{exit_code, job::State};
use agentlab_platform::{events, redaction::Redaction, run_dir::RunDir, tail::Tail};

use crate::{
    failure::Failure,
    print,
    system::{self, LOOK},
};

/// Prints the events of task `id`; with `follow` until it has ended.
pub(super) async fn print(id: i64, follow: bool, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let secrets = Redaction::of_answers(&system.config);
    let mut shown: Option<(String, Tail)> = None;
    loop {
        let Some(view) = system.db.job(id).await? else { return Err(Failure::words(system.db.missing(id).await?)) };
        if let Some(run) = view.run
            && shown.as_ref().is_none_or(|(of, _)| *of != run)
        {
            let directory = RunDir::of(&system.home, &run);
            if !directory.path().exists() && view.ended_at.is_some() {
                let days = system.config.retention.runs_days;
                return Err(Failure::words(format!(
                    "what the agent of task {id} printed was removed (retention.runs_days is {days}); `agentlab job {id}` has its answer"
                )));
            }
            let path = directory.events();
            shown = Some((run, Tail::of(path)));
        }
        if let Some((_, tail)) = &mut shown {
            for line in tail.lines() {
                if let Some(words) = if as_json { Some(line) } else { events::in_a_line(&line) } {
                    print::line(&secrets.head(&words));
                }
            }
        }
        let ended = State::parse(&view.state).is_some_and(State::is_ended);
        if ended || !follow {
            return Ok(exit_code::DONE);
        }
        tokio::time::sleep(LOOK).await;
    }
}
