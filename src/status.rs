//! `status`: the whole system in one look.

use agentlab_domain::{
    exit_code,
    report::{self, Report},
    role::{Post, Role},
    trial::HEALTHY,
};
use agentlab_platform::{
    alert::book::{self, Entry},
    clock,
    db::{status::Status, uptime::Uptime},
    detectors::{self, Detectors},
    instructions, pulse,
    releases::{self, Release, trial::Trial},
    services,
};
use serde::Serialize;

use crate::{failure::Failure, print, system};

/// What the database knows, and what the detectors say of themselves.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    status: &'a Status,
    detectors: Detectors,
    /// What is in place; `null` in a home that was never updated.
    release: Option<Release>,
    trial: Option<Trial>,
    /// What fires now.
    alerts: Vec<Entry>,
    uptime: Uptime,
    reports: [Report; 2],
}

/// The release in place and its trial, for people; nothing where it has none.
fn release_line(release: &Release, trial: Option<&Trial>) -> String {
    let Some(trial) = trial else { return format!("release: {}", release.words()) };
    let (healthy, all) = (trial.healthy_ms / 1000, clock::scaled(HEALTHY).as_secs());
    let faults = match trial.together() {
        0 => String::new(),
        1 => ", 1 fault".into(),
        faults => format!(", {faults} faults"),
    };
    format!("release: {}, on trial after {}: {healthy} of {all} s healthy{faults}", release.words(), trial.from)
}

/// Prints what runs, what waits and what is wrong.
pub async fn status(as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let status = system.db.status().await?;
    let detectors = detectors::all(&system.home);
    let (release, trial) = (releases::current(&system.home), releases::trial::in_force(&system.home));
    let running = agentlab_supervisor::is_running(&system.home);
    // Without a supervisor nobody would notice that something is over.
    let alerts = if running { book::firing(&system.home) } else { Vec::new() };
    let reports = system.db.reports().await?;
    if as_json {
        let uptime = system.db.uptime().await?;
        print::json(&Whole { status: &status, detectors, release, trial, alerts, uptime, reports })?;
        return Ok(exit_code::DONE);
    }
    let alive = status.processes.iter().filter(|process| process.alive).count();
    print::line(&match (running, alive) {
        (true, _) => "agentlab is running".to_owned(),
        (false, 0) => format!("agentlab is not running: start it with {}", services::what_starts(&system.home)),
        (false, alive) => format!(
            "the supervisor is dead, and {alive} of its processes live on: {} takes them over. Until then nothing that dies \
             is started again",
            services::what_starts(&system.home)
        ),
    });
    let supervisor = Post { role: Role::Supervisor, slot: 0 };
    if let Some(note) = pulse::read(&system.home, supervisor).filter(|_| running).and_then(|beat| beat.note) {
        print::line(&note);
    }
    print::line(&format!(
        "tasks: {} running, {} queued, {} retrying, {} parked, {} waiting for a person",
        status.running, status.queued, status.retrying, status.parked, status.waiting
    ));
    print::line(&format!("messages: {} to be delivered, {} given up", status.undelivered, status.given_up));
    print::line(&status.spending.line());
    if let Some(paused) = &status.paused {
        print::line(&paused.words);
    }
    if let Some(held) = &status.held {
        print::line(held);
    }
    for outage in &status.circuits {
        print::line(&outage.words);
    }
    for alert in &alerts {
        let lasts = alert.lasts().unwrap_or_default();
        print::line(&format!("ALERT ({}, for {lasts}): {}", alert.severity, alert.words));
    }
    for words in detectors::silent(&detectors) {
        print::line(&words);
    }
    if let Some(release) = &release {
        print::line(&release_line(release, trial.as_ref()));
    }
    if let Some(suspicion) = &status.suspicion {
        print::line(&suspicion.words);
    }
    let place = system.config.chat_place(system.home.workspace());
    print::line(&instructions::words(&system.home, &place.project));
    if running || alive > 0 {
        let rows = status.processes.iter().map(|process| {
            let state = process.state().to_owned();
            vec![process.id.clone(), state, process.pid.to_string(), process.note.clone().unwrap_or_default()]
        });
        print::table(&["process", "state", "pid", "note"], rows.collect());
    }
    print::line("");
    print::table(&report::COLUMNS, reports.iter().map(|report| report.cells().to_vec()).collect());
    let jobs = system.db.jobs(true, 20).await?;
    if !jobs.is_empty() {
        print::line("");
        crate::jobs::table(&jobs);
    }
    Ok(exit_code::DONE)
}
