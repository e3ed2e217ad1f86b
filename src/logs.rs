//! `logs`: the log of all processes, or what the agent of one task printed.

use agentlab_domain::{exit_code, job::State};
use agentlab_platform::{events, home::Home, run_dir::RunDir, tail::Tail};
use serde_json::Value;

use crate::{
    failure::Failure,
    print,
    system::{self, LOOK, System},
};

/// Lines of the log that are shown.
const TAIL: usize = 100;

/// Prints the log, or with `id` the events of that task's newest run.
pub async fn logs(id: Option<i64>, follow: bool, as_json: bool) -> Result<u8, Failure> {
    match id {
        Some(id) => run_log(&system::open().await?, id, follow, as_json).await,
        None => system_log(&Home::open()?, follow, as_json).await,
    }
}

async fn run_log(system: &System, id: i64, follow: bool, as_json: bool) -> Result<u8, Failure> {
    let mut shown: Option<(String, Tail)> = None;
    loop {
        let view = system.db.job(id).await?.ok_or_else(|| Failure::words(format!("there is no task {id}")))?;
        if let Some(run) = view.run
            && shown.as_ref().is_none_or(|(of, _)| *of != run)
        {
            let path = RunDir::of(&system.home, &run).events();
            shown = Some((run, Tail::of(path)));
        }
        if let Some((_, tail)) = &mut shown {
            for line in tail.lines() {
                if let Some(words) = if as_json { Some(line) } else { events::in_a_line(&line) } {
                    print::line(&words);
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

async fn system_log(home: &Home, follow: bool, as_json: bool) -> Result<u8, Failure> {
    let mut tails: Vec<Tail> = Vec::new();
    let mut first = true;
    loop {
        for entry in std::fs::read_dir(home.logs())?.filter_map(Result::ok) {
            let path = entry.path();
            let known = tails.iter().any(|tail| tail.path() == path);
            if !known && path.extension().is_some_and(|extension| extension == "jsonl") {
                tails.push(Tail::of(path));
            }
        }
        let mut lines: Vec<String> = tails.iter_mut().flat_map(Tail::lines).collect();
        // Every line begins with its time.
        lines.sort();
        let skip = if first { lines.len().saturating_sub(TAIL) } else { 0 };
        for line in lines.iter().skip(skip) {
            print::line(&if as_json { line.clone() } else { log_words(line) });
        }
        if !follow {
            return Ok(exit_code::DONE);
        }
        first = false;
        tokio::time::sleep(LOOK).await;
    }
}

fn log_words(line: &str) -> String {
    let Ok(entry) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let fields: Vec<String> = entry["fields"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "message")
        .map(|(key, value)| format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let message = entry["fields"]["message"].as_str().unwrap_or_default();
    format!("{} {:5} {}: {message} {}", text("timestamp"), text("level"), text("target"), fields.join(" "))
}
