//! `service uninstall`: nothing of agentlab runs any more, and its units are gone. The data stays, unless a person at a terminal says
//! in so many words that it shall go too. Running tasks are ended, with his word where he can be asked.

use std::{
    collections::BTreeSet,
    io::{BufRead, IsTerminal},
    time::Duration,
};

use agentlab_domain::{exit_code, role::Post};
use agentlab_platform::{
    clock,
    home::user_home,
    run_dir::{RunDir, keeper},
    services::reconcile::every_post,
};
use serde_json::json;

use super::Place;
use crate::{failure::Failure, print, system::LOOK};

/// How long stopped runs may take to end: the keeper's own grace, and some.
const RUNS_END: Duration = Duration::from_secs(30);
/// What has to be typed before data is removed.
const WORDS: &str = "remove the data";

pub(super) async fn uninstall(place: &Place, as_json: bool) -> Result<u8, Failure> {
    let manager = &place.manager;
    place.answers().await?;
    place.refuse_strangers()?;
    let installed: BTreeSet<Post> = every_post().into_iter().filter(|post| manager.is_installed(*post)).collect();
    if installed.is_empty() {
        // What a broken attempt may have left.
        manager.remove_all(&place.basis).await?;
        return said(place, as_json, 0, false, "no services are installed");
    }
    let asks = !as_json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let running = keeper::living(&place.home);
    if asks && !running.is_empty() {
        let tasks = tasks(running.len());
        print::line(&format!(
            "{tasks}. To uninstall means to stop {}: type `stop`, or anything else to leave all as it is",
            them(running.len())
        ));
        if line() != "stop" {
            return Err(Failure::words("nothing was changed: the services and the tasks go on"));
        }
    }
    // The supervisor is the first of every post: it is not to start again the others.
    for post in every_post().into_iter().filter(|post| installed.contains(post)) {
        manager.stop(post).await?;
    }
    let stopped = stop_runs(place).await?;
    manager.remove_all(&place.basis).await?;
    let removed = asks && removes_data(place)?;
    said(place, as_json, stopped, removed, "the services are stopped and removed")
}

/// Stops what runs, by its keepers, and waits for their end. Returns how many there were.
async fn stop_runs(place: &Place) -> Result<usize, Failure> {
    let runs: Vec<RunDir> = keeper::living(&place.home);
    for run in &runs {
        run.request_stop("service uninstall")?;
    }
    let began = clock::instant();
    while runs.iter().any(|run| run.lock_held().unwrap_or(false)) {
        if began.elapsed() > clock::scaled(RUNS_END) {
            return Err(Failure::words(format!(
                "a task does not end: see {}. The services are stopped; `agentlab service uninstall` again removes their units",
                place.home.runs().display()
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(runs.len())
}

/// Asks whether the data shall go too, and removes it.
fn removes_data(place: &Place) -> Result<bool, Failure> {
    let home = place.home.path();
    // Somebody's own home is more than ours, whatever is typed.
    if user_home().is_some_and(|user| user.starts_with(home)) {
        return Ok(false);
    }
    print::line(&format!(
        "The services are stopped and removed. The data is still in {}: configuration, tasks, answers, logs, and whatever \
         agents wrote into workspace/. To remove all of it for good type `{WORDS}`; anything else keeps it",
        home.display()
    ));
    if line() != WORDS {
        return Ok(false);
    }
    std::fs::remove_dir_all(home)?;
    Ok(true)
}

fn said(place: &Place, as_json: bool, stopped: usize, removed: bool, words: &str) -> Result<u8, Failure> {
    if as_json {
        print::json(
            &json!({ "uninstalled": true, "stopped_tasks": stopped, "data": (!removed).then(|| place.home.path()) }),
        )?;
        return Ok(exit_code::DONE);
    }
    if stopped > 0 {
        print::line(&format!(
            "{stopped} running task{} stopped; the next start says so",
            if stopped == 1 { " was" } else { "s were" }
        ));
    }
    print::line(&if removed {
        format!("{words}, and so is {}", place.home.path().display())
    } else {
        format!("{words}; the data stays in {}", place.home.path().display())
    });
    Ok(exit_code::DONE)
}

fn tasks(count: usize) -> String {
    if count == 1 { "1 task is running".to_owned() } else { format!("{count} tasks are running") }
}

const fn them(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

/// What is typed; nothing at the end of the input.
fn line() -> String {
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    line.trim().to_owned()
}
