//! What runs now, what waits in which lane, and what is wrong.

use std::{collections::BTreeMap, sync::Arc};

use agentlab_domain::job::State as JobState;
use agentlab_platform::{
    alert::book,
    db::{jobs::JobView, status::Status},
    detectors,
};
use askama::Template;
use axum::{extract::State, response::Html};

use super::render;
use crate::{Shared, problem::Problem};

/// Tasks that are shown.
const MOST: u32 = 200;
/// Of those that have ended.
const LATELY: u32 = 5;

#[derive(Template)]
#[template(path = "now.html")]
struct Page {
    status: Status,
    /// What a person should know.
    wrong: Vec<String>,
    projects: Vec<String>,
    running: Vec<JobView>,
    /// Those that wait, by lane.
    lanes: BTreeMap<String, Vec<JobView>>,
    /// Those that ended last.
    lately: Vec<JobView>,
}

impl Page {
    /// Which of the pages is open.
    const HERE: &'static str = "/";
}

/// The page.
pub(crate) async fn now(State(shared): State<Arc<Shared>>) -> Result<Html<String>, Problem> {
    let life = &shared.life;
    let status = life.db.status().await?;
    let jobs = life.db.jobs(true, MOST).await?;
    let is_running = |job: &JobView| JobState::parse(&job.state) == Some(JobState::Running);
    let (running, waiting): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_running);
    let mut lanes: BTreeMap<String, Vec<JobView>> = BTreeMap::new();
    // The oldest first: that is their order.
    for job in waiting.into_iter().rev() {
        lanes.entry(job.lane.clone()).or_default().push(job);
    }
    let detectors = detectors::all(&life.home);
    let mut wrong: Vec<String> = status.held.iter().cloned().collect();
    wrong.extend(status.circuits.iter().map(|outage| outage.words.clone()));
    wrong.extend(status.suspicion.iter().map(|suspicion| suspicion.words.clone()));
    wrong.extend(detectors::silent(&detectors));
    wrong.extend(book::firing(&life.home).into_iter().map(|alert| alert.words));
    let missing = shared.look().await.missing();
    if !missing.is_empty() {
        wrong.push(format!("not ready: {}", missing.join(", ")));
    }
    let projects = life.config.projects.keys().cloned().collect();
    let lately = life.db.lately(LATELY).await?;
    render(&Page { status, wrong, projects, running, lanes, lately })
}
