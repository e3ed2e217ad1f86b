//! One task: its prompt, its answer, its runs, what its agent does and what it changed.

use std::{collections::BTreeMap, sync::Arc};

use agentlab_platform::{
    db::{jobs::JobView, runs::RunView},
    events::{self, Change},
    redaction::Redaction,
    run_dir::RunDir,
};
use askama::Template;
use axum::{extract::State, response::Html};

use super::render;
use crate::{
    Shared,
    api::{Number, number},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "task.html")]
struct Page {
    job: JobView,
    runs: Vec<RunView>,
    /// The edits of the newest run, by file.
    files: BTreeMap<String, Vec<Change>>,
    more: bool,
}

impl Page {
    /// Which of the pages is open.
    const HERE: &'static str = "/jobs";
}

/// The page.
pub(crate) async fn task(State(shared): State<Arc<Shared>>, path: Number) -> Result<Html<String>, Problem> {
    let number = number(path)?;
    let job = shared.job(number).await?;
    let runs = shared.life.db.runs(number).await?;
    let (changes, more) = match &job.run {
        Some(run) => {
            let events = RunDir::of(&shared.life.home, run).events();
            tokio::task::spawn_blocking(move || events::changes(events)).await.unwrap_or_default()
        }
        None => (Vec::new(), false),
    };
    let secrets = Redaction::of_answers(&shared.life.config);
    let mut files: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let Change { file, removed, added } = change;
        let file = secrets.text(&file);
        let change = Change { removed: secrets.head(&removed), added: secrets.head(&added), file: file.clone() };
        files.entry(file).or_default().push(change);
    }
    render(&Page { job, runs, files, more })
}
