//! `status` where the database cannot be read: what locks, pulses, the book of alerts and the crash history say, and what is missing.
//! It decides nothing about the database and changes nothing.

use agentlab_domain::crash::Kind;
use agentlab_domain::{
    exit_code,
    hang::Standing,
    role::{Post, Role, posts},
};
use agentlab_platform::{
    alert::book::{self, Entry},
    calendar, clock,
    config::Config,
    crash_history,
    detectors::{self, Detectors},
    home::Home,
    lock, pulse,
    releases::{self, Release, trial::Trial},
};
use serde::Serialize;

use crate::{failure::Failure, print};

/// A post, and who is there.
#[derive(Serialize)]
struct Process {
    id: String,
    state: &'static str,
    pid: Option<i32>,
    note: Option<String>,
}

#[derive(Serialize)]
struct Part {
    /// Why the database cannot be read.
    database: String,
    running: bool,
    processes: Vec<Process>,
    alerts: Vec<Entry>,
    detectors: Detectors,
    release: Option<Release>,
    trial: Option<Trial>,
    last_crash: Option<crash_history::Entry>,
}

/// Prints what is known without it.
pub(super) fn print(home: &Home, config: &Config, why: String, as_json: bool) -> Result<u8, Failure> {
    let running = agentlab_supervisor::is_running(home);
    let mut crashes = crash_history::read(home).into_iter().filter(|entry| entry.kind == Kind::Crash);
    let part = Part {
        database: why,
        running,
        processes: processes(home, config),
        alerts: if running { book::firing(home) } else { Vec::new() },
        detectors: detectors::all(home),
        release: releases::current(home),
        trial: releases::trial::in_force(home),
        last_crash: crashes.next_back(),
    };
    if as_json {
        print::json(&part)?;
    } else {
        say(home, &part);
    }
    Ok(exit_code::UNAVAILABLE)
}

fn say(home: &Home, part: &Part) {
    let alive = part.processes.iter().filter(|process| process.state != "down").count();
    print::line(&super::runs(home, part.running, alive));
    print::line(&format!("the database cannot be read: {}", part.database));
    print::line("so tasks, messages and money are not shown; `agentlab doctor` looks closer");
    for alert in &part.alerts {
        print::line(&super::alert(alert));
    }
    for words in detectors::silent(&part.detectors) {
        print::line(&words);
    }
    if let Some(release) = &part.release {
        print::line(&super::release_line(release, part.trial.as_ref()));
    }
    if let Some(crash) = &part.last_crash {
        let at = calendar::clock_time(crash.at, clock::now_ms());
        print::line(&format!("last crash: {} at {at}: {}", crash.process, crash.reason));
    }
    let rows = part.processes.iter().map(|process| {
        let pid = process.pid.map(|pid| pid.to_string()).unwrap_or_default();
        vec![process.id.clone(), process.state.to_owned(), pid, process.note.clone().unwrap_or_default()]
    });
    print::table(&["process", "state", "pid", "note"], rows.collect());
}

/// Every post that the configuration fills, by its lock and its pulse.
fn processes(home: &Home, config: &Config) -> Vec<Process> {
    let supervisor = Post { role: Role::Supervisor, slot: 0 };
    let wanted = posts(config.workers.count, true, config.telegram.token.is_some());
    let seen = |post: Post| {
        let held = lock::is_held(&home.post_lock(post)).unwrap_or(true);
        let beat = pulse::read(home, post).filter(|_| held);
        let state = match &beat {
            _ if !held => "down",
            Some(beat) if beat.identity.standing() == Standing::Stopped => "stopped",
            Some(beat) if beat.ready => "ready",
            Some(_) | None => "starting",
        };
        let pid = beat.as_ref().map(|beat| beat.identity.pid);
        Process { id: post.to_string(), state, pid, note: beat.and_then(|beat| beat.note) }
    };
    [supervisor].into_iter().chain(wanted).map(seen).collect()
}
