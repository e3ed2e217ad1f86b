//! `jobs`: tasks, the newest first, a page at a time.

use agentlab_domain::{exit_code, job::State, progress};
use agentlab_platform::db::jobs::{JobView, Listed};

use crate::{
    args,
    failure::Failure,
    print,
    system::{self, since},
};

/// Tasks of a page.
const PAGE: u32 = 100;
/// Letters of the first line of a text: a prompt may be a single line of megabytes.
const LONGEST: usize = 200;

/// Lists tasks.
pub async fn jobs(asked: args::Jobs, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    // Who looks for something, or for what ended, means what has ended too.
    let all = asked.all || asked.search.is_some() || asked.state.is_some() || asked.before.is_some();
    let listed = Listed {
        live: !all,
        before: asked.before,
        words: asked.search.clone(),
        state: asked.state.map(|state| state.as_str().to_owned()),
        project: asked.project.clone(),
        limit: PAGE + 1,
    };
    let mut jobs = system.db.list(&listed).await?;
    let more = jobs.len() > PAGE as usize;
    jobs.truncate(PAGE as usize);
    if as_json {
        print::json(&jobs)?;
        return Ok(exit_code::DONE);
    }
    if jobs.is_empty() {
        print::line(none(&asked, all));
        return Ok(exit_code::DONE);
    }
    table(&jobs);
    if let Some(last) = jobs.last().filter(|_| more) {
        print::note(&format!("there are more: the same with --before {}", last.id));
    }
    Ok(exit_code::DONE)
}

fn none(asked: &args::Jobs, all: bool) -> &'static str {
    let narrowed = asked.project.is_some() || asked.state.is_some() || asked.search.is_some() || asked.before.is_some();
    match (narrowed, all) {
        (true, true) => "no task is like that",
        (true, false) => "nothing like that runs or waits (--all shows what has ended)",
        (false, true) => "there are no tasks yet",
        (false, false) => "nothing runs or waits (--all shows what has ended)",
    }
}

/// A table of tasks.
pub fn table(jobs: &[JobView]) {
    let rows = jobs.iter().map(|job| {
        let time = job.ended_at.map_or_else(|| since(job.accepted_at), |ended| ended - job.accepted_at);
        let doing = now(job).unwrap_or_default();
        vec![
            job.id.to_string(),
            job.state.clone(),
            progress::elapsed(time),
            job.cost_usd.map(progress::dollars).unwrap_or_default(),
            job.project.clone(),
            progress::short(&job.prompt, LONGEST),
            progress::short(doing, LONGEST),
        ]
    });
    print::table(&["task", "state", "time", "cost", "project", "what", "now"], rows.collect());
}

/// What it does or waits for; of one that has ended only why it failed.
fn now(job: &JobView) -> Option<&str> {
    match State::parse(&job.state) {
        Some(State::Done | State::Cancelled) => None,
        Some(State::Failed | State::Poison) => job.reason.as_deref(),
        Some(State::Queued | State::Running | State::Retrying | State::Parked | State::Waiting) | None => {
            job.reason.as_deref().or(job.activity.as_deref())
        }
    }
}
