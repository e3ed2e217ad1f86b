//! `doctor`: what is wrong, and what to do about it. It looks at each part as the roles would find it.

mod backups;
mod database;
mod finding;
mod in_service;
mod machine;
mod processes;
mod programs;
mod services;

use crate::{failure::Failure, print, system};
use agentlab_platform::{
    agent::Agent,
    alert::Channel,
    config::{self, Config},
    db::migrate,
    home::Home,
    instructions::in_force,
    spawn,
};
use finding::Finding;

/// What to do where the bot cannot speak to Telegram.
const TELEGRAM: &str = "compare telegram.token with what @BotFather shows, and see whether this machine reaches telegram.api_url \
                        (`curl -sI https://api.telegram.org`); tasks from terminals are done meanwhile, and chats are answered later";

/// Prints every finding; fails when one is a problem. With `service` what the services find in their own environment.
pub async fn doctor(service: bool, as_json: bool) -> Result<u8, Failure> {
    let found = findings().await;
    if service {
        return in_service::print(found, as_json).await;
    }
    if as_json {
        print::json(&found)?;
    } else {
        for finding in &found {
            finding.print();
        }
    }
    Ok(finding::code(&found))
}

async fn findings() -> Vec<Finding> {
    let mut checks = Vec::new();
    let mut check = |id: &str, ok, what: String| checks.push(Finding::plain(id, ok, what));
    let home = match Home::open() {
        Ok(home) => home,
        Err(error) => {
            check("home", false, error.to_string());
            return checks;
        }
    };
    check("home", true, home.path().display().to_string());
    let config = match config::load(&home) {
        Ok(config) => config,
        Err(error) => {
            check("config", false, error.to_string());
            return checks;
        }
    };
    let there = if home.config().exists() { "was read" } else { "is not there; the defaults hold" };
    check("config", true, format!("{} {there}", home.config().display()));
    let (ok, what) = agent(&config).await;
    check("agent", ok, what);
    // Looked at before it is opened, which tidies it.
    let wal = database::wal(&home);
    checks.extend(programs::findings(&config).await);
    let mut check = |id: &str, ok, what: String| checks.push(Finding::plain(id, ok, what));
    for (name, project) in &config.projects {
        let ok = project.path.is_dir();
        let what = if ok { "is there" } else { "is not there: create it, or correct projects.*.path" };
        check("project", ok, format!("{name}: {} {what}", project.path.display()));
    }
    for (name, ok, what) in instructions(&home, &config) {
        check("instructions", ok, format!("{name}: {what}"));
    }
    for (ok, what) in channels(&config) {
        check("alerts", ok, what);
    }
    let (ok, what) = agentlab_bot::check(&config).await;
    checks.push(if ok { Finding::plain("telegram", true, what) } else { Finding::problem("telegram", what, TELEGRAM) });
    let mut workers = config.workers.count;
    match system::as_it_is(&home).await {
        Ok(db) => {
            checks.push(match migrate::check(&db).await {
                Ok(()) => Finding::plain("database", true, home.database().display().to_string()),
                Err(error) => database::unreadable(&home, &error).await,
            });
            checks.extend(database::dangling(&db).await);
            checks.extend(database::gap(&home).await);
            let mut check = |id: &str, ok, what: String| checks.push(Finding::plain(id, ok, what));
            if let Some(held) = db.held().await.unwrap_or_default() {
                check("hold", false, held);
            }
            let strangers = db.strangers().await.unwrap_or_default();
            if !strangers.is_empty() {
                let words = format!(
                    "these Telegram users wrote and are not allowed: {}. Add those you know to telegram.allowed_users",
                    strangers.join(", ")
                );
                check("strangers", true, words);
            }
            workers = db.workers_wanted(workers).await.unwrap_or(workers);
        }
        Err(error) => checks.push(database::unreadable(&home, &error).await),
    }
    checks.extend(database::journal(&home));
    checks.extend(wal);
    checks.extend(database::restored(&home));
    checks.extend(backups::finding(&home, &config).await);
    checks.extend(machine::findings(&home, &config).await);
    let mut check = |id: &str, ok, what: String| checks.push(Finding::plain(id, ok, what));
    for (ok, what) in processes::check(&home, &config, workers) {
        check("system", ok, what);
    }
    for (ok, what) in services::check(&home, &config, workers).await {
        check("services", ok, what);
    }
    checks
}

/// Which instructions a run of each project would get.
fn instructions(home: &Home, config: &Config) -> Vec<(String, bool, String)> {
    let names = config.projects.keys().cloned().chain(["everywhere else".to_owned()]);
    let found = names.map(|name| match in_force(home, &name) {
        Ok(Some(found)) => {
            let what = format!("every run is given {} ({})", found.path.display(), found.short_hash());
            (name, true, what)
        }
        Ok(None) => {
            (name, true, format!("none; what you write into {} is given to every run", home.instructions().display()))
        }
        Err(error) => (name, false, format!("no run can begin: {error}")),
    });
    found.collect()
}

/// Where alerts go. Nothing is sent: whoever looks is not to wake anybody.
fn channels(config: &Config) -> Vec<(bool, String)> {
    let channels = Channel::configured(config);
    let to =
        |channel: &Channel| format!("{}: to {}, from {} on", channel.name(), channel.whom(), channel.least().as_str());
    let mut found: Vec<(bool, String)> = channels.iter().map(|channel| (true, to(channel))).collect();
    if !channels.iter().any(|channel| !matches!(channel, Channel::Desktop(_))) {
        let what = "nobody is told when something is wrong while no one looks: set telegram.token, alerts.email, alerts.sms or \
                    alerts.webhook, and try it with `agentlab alerts test`";
        found.push((true, what.to_owned()));
    }
    found
}

async fn agent(config: &Config) -> (bool, String) {
    match Agent::find(config) {
        Err(error) => (false, error.to_string()),
        Ok(Agent::Rehearse(_)) => (
            true,
            "no `claude` on PATH: tasks are only rehearsed. Install it with `npm install -g @anthropic-ai/claude-code`"
                .into(),
        ),
        Ok(Agent::Claude(program)) => match spawn::version(&program).await {
            Ok(version) => (true, format!("{} ({version})", program.display())),
            Err(error) => (false, format!("{} does not answer --version: {error}", program.display())),
        },
    }
}
