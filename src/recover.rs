//! `recover`: a role is healed by force. The supervisor does it; where none acts, this does what can be done without one.

use agentlab_domain::{exit_code, intervention::Kind, role::Role};
use agentlab_platform::home::Home;
use serde_json::json;

use crate::{failure::Failure, intervention, print, system};

/// Recovers `role`, and says what was done.
pub async fn recover(role: Role, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    // A supervisor that hangs does nothing for itself or for others, and may keep the database locked.
    let alone = role == Role::Supervisor || !agentlab_supervisor::is_running(&home);
    let done = if alone { agentlab_supervisor::end_hung(&home, role).await } else { Vec::new() };
    if !agentlab_supervisor::is_running(&home) {
        return say(role, &done, as_json);
    }
    let system = system::open().await?;
    let id = system.db.ask_for(Kind::Recover, Some(role), "the terminal").await?;
    intervention::wait(&system, id, as_json).await
}

fn say(role: Role, done: &[String], as_json: bool) -> Result<u8, Failure> {
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
    print::note("agentlab is not running: start it with `agentlab up`");
    Ok(exit_code::DONE)
}
