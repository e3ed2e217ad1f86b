//! `jobs`: the tasks that have not ended, or with `--all` the newest hundred.

use agentlab_domain::{exit_code, progress};
use agentlab_platform::db::jobs::JobView;

use crate::{
    failure::Failure,
    print,
    system::{self, since},
};

/// Lists tasks, newest first.
pub async fn jobs(all: bool, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let jobs = system.db.jobs(!all, 100).await?;
    if as_json {
        print::json(&jobs)?;
    } else if jobs.is_empty() {
        print::line(if all { "there are no tasks yet" } else { "nothing runs or waits (--all shows what has ended)" });
    } else {
        table(&jobs);
    }
    Ok(exit_code::DONE)
}

/// A table of tasks.
pub fn table(jobs: &[JobView]) {
    let rows = jobs.iter().map(|job| {
        let time = job.ended_at.map_or_else(|| since(job.accepted_at), |ended| ended - job.accepted_at);
        let doing = job.reason.clone().or_else(|| job.activity.clone()).unwrap_or_default();
        vec![
            job.id.to_string(),
            job.state.clone(),
            progress::elapsed(time),
            job.cost_usd.map(progress::dollars).unwrap_or_default(),
            job.project.clone(),
            progress::short(&job.prompt, 40),
            progress::short(&doing, 40),
        ]
    });
    print::table(&["task", "state", "time", "cost", "project", "what", "now"], rows.collect());
}
