//! `status`: the whole system in one look. What needs no database is said also where that one cannot be read.

mod without_database;

use agentlab_domain::{
    exit_code,
    report::{self, Report},
    role::{Post, Role},
    trial::HEALTHY,
};
use agentlab_platform::{
    alert::book::{self, Entry},
    calendar, clock,
    config::{self, Config},
    db::{Terms, jobs::JobView, status::Status, uptime::Uptime},
    detectors::{self, Detectors},
    home::Home,
    instructions, life, pulse,
    releases::{self, Release, trial::Trial},
    restore::{self, Depth},
    services,
};
use serde::Serialize;

use crate::{
    failure::Failure,
    print,
    system::{self, System},
};

/// Tasks that are shown.
const JOBS: u32 = 20;

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
    let home = Home::open()?;
    let config = config::load(&home)?;
    let looked = tokio::time::timeout(system::patience(), look(&home, &config)).await;
    match looked {
        Ok(Ok(seen)) => show(&seen, as_json),
        Ok(Err(failure)) => {
            without_database::print(&home, &config, failure.to_string(), as_json)?;
            print::error(&failure.to_string());
            Ok(failure.code())
        }
        // The roles wait for a locked one; whoever looks wants to know now.
        Err(_) => {
            let why = format!("it is locked {}", system::locked_by(&home));
            without_database::print(&home, &config, why, as_json)
        }
    }
}

/// All that the database is asked for.
struct Seen {
    system: System,
    status: Status,
    jobs: Vec<JobView>,
    uptime: Uptime,
    reports: [Report; 2],
}

async fn look(home: &Home, config: &Config) -> Result<Seen, Failure> {
    let db = life::open(home, Depth::Quick).await?.under(Terms::from(config));
    let system = System { home: home.clone(), config: config.clone(), db };
    let (status, jobs) = (system.db.status().await?, system.db.jobs(true, JOBS).await?);
    let (uptime, reports) = (system.db.uptime().await?, system.db.reports().await?);
    Ok(Seen { system, status, jobs, uptime, reports })
}

/// Whether it runs, in words.
fn runs(home: &Home, running: bool, alive: usize) -> String {
    match (running, alive) {
        (true, _) => "agentlab is running".to_owned(),
        (false, 0) => format!("agentlab is not running: start it with {}", services::what_starts(home)),
        (false, alive) => format!(
            "the supervisor is dead, and {alive} of its processes live on: {} takes them over. Until then nothing that dies \
             is started again",
            services::what_starts(home)
        ),
    }
}

fn alert(alert: &Entry) -> String {
    format!("ALERT ({}, for {}): {}", alert.severity, alert.lasts().unwrap_or_default(), alert.words)
}

fn show(seen: &Seen, as_json: bool) -> Result<u8, Failure> {
    let Seen { system, status, jobs, uptime, reports } = seen;
    let detectors = detectors::all(&system.home);
    let (release, trial) = (releases::current(&system.home), releases::trial::in_force(&system.home));
    let running = agentlab_supervisor::is_running(&system.home);
    // Without a supervisor nobody would notice that something is over.
    let alerts = if running { book::firing(&system.home) } else { Vec::new() };
    if as_json {
        let (uptime, reports) = (*uptime, reports.clone());
        print::json(&Whole { status, detectors, release, trial, alerts, uptime, reports })?;
        return Ok(exit_code::DONE);
    }
    let alive = status.processes.iter().filter(|process| process.alive).count();
    print::line(&runs(&system.home, running, alive));
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
    for fires in &alerts {
        print::line(&alert(fires));
    }
    for words in detectors::silent(&detectors) {
        print::line(&words);
    }
    if let Some(report) = restore::last(&system.home) {
        print::line(&format!("{}: {}", calendar::clock_time(report.at, clock::now_ms()), report.words()));
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
    if !jobs.is_empty() {
        print::line("");
        crate::jobs::table(jobs);
    }
    Ok(exit_code::DONE)
}
