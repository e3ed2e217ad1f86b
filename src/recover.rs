//! `recover`: a role is healed by force. The supervisor does it; where none acts, this does what can be done without one.

use std::time::Duration;

use agentlab_domain::{exit_code, intervention::Kind, role::Role};
use agentlab_platform::{config, home::Home, recovery, services};
use serde_json::json;

use crate::{failure::Failure, intervention, print, system, update::place};

/// How long it may take: a database that somebody keeps locked is watched for a minute.
const LASTS: Duration = Duration::from_mins(3);

/// Recovers `role`, and says what was done.
pub async fn recover(role: Role, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    let running = || agentlab_supervisor::is_running(&home);
    // A supervisor that hangs does nothing for itself or for others, and may keep the database locked.
    let mut done = Vec::new();
    if role == Role::Supervisor && running() {
        done = agentlab_supervisor::end_hung(&home, role).await;
    }
    if !running() {
        // Where a supervisor runs, it says so itself when it begins.
        let _held = recovery::take(&home, "a recovery by hand", LASTS).map_err(place::refused)?;
        let config = config::load(&home)?;
        let watches = || print::note("somebody keeps the database locked: I watch for a minute");
        done.extend(agentlab_supervisor::recover_alone(&home, &config, role, watches).await);
        return say(&home, role, &done, as_json);
    }
    // It lives: it is asked, and what was seen of it is said in case it does not act.
    for words in &done {
        print::note(words);
    }
    let system = system::open().await?;
    let id = system.db.ask_for(Kind::Recover, Some(role), "the terminal").await?;
    intervention::wait(&system, id, as_json).await
}

fn say(home: &Home, role: Role, done: &[String], as_json: bool) -> Result<u8, Failure> {
    if as_json {
        print::json(&json!({ "role": role.as_str(), "running": false, "words": done }))?;
        return Ok(exit_code::DONE);
    }
    for words in done {
        print::line(words);
    }
    if done.is_empty() {
        print::line(&format!("nobody is at a post of the {role}, and nothing stands in its way", role = role.as_str()));
    }
    print::note(&format!("agentlab is not running: start it with {}", services::what_starts(home)));
    Ok(exit_code::DONE)
}
