//! The services as `doctor` finds them: whether what stands there is what would be written, runs, and finds what agents need.

use std::path::Path;

use agentlab_domain::{role::posts, unit::Found};
use agentlab_platform::{
    agent::Agent,
    config::Config,
    home::Home,
    lock,
    services::{Basis, Manager, SUPERVISOR, search_path},
};

/// What was found; nothing where no services are installed.
pub async fn check(home: &Home, config: &Config, workers: u32) -> Vec<(bool, String)> {
    let Some(manager) = Manager::of_this_machine() else { return Vec::new() };
    match manager.home_of(SUPERVISOR) {
        None => return Vec::new(),
        Some(other) if other != home.path() => {
            return vec![(true, format!("the installed services belong to {}", other.display()))];
        }
        Some(_) => {}
    }
    if let Err(trouble) = manager.answers().await {
        let name = manager.kind.as_str();
        return vec![(false, format!("services are installed, and {name} does not answer: {trouble}"))];
    }
    let mut found = Vec::new();
    // What they find is what stands in their units, not what this shell has.
    let path = manager.path_of(SUPERVISOR).unwrap_or_default();
    let agent = config.agent.command.as_deref().unwrap_or(Path::new("claude")).display().to_string();
    let rehearses = matches!(Agent::find(config), Ok(Agent::Rehearse(_)));
    // Without an agent tasks are rehearsed, and that is said above. Not every agent needs Node.
    for program in
        search_path::missing_on(&path, config).into_iter().filter(|program| !(rehearses && *program == agent))
    {
        let words = "is not found on the PATH of the services: install it, then `agentlab service install` in a shell that finds it";
        found.push((program != agent, format!("`{program}` {words}")));
    }
    let Ok(basis) = Basis::of(home, path) else { return found };
    let stopped =
        manager.state(SUPERVISOR).await.is_ok_and(|state| state.pid.is_none() && !state.retries && !state.ends);
    if stopped && !lock::is_held(&home.post_lock(SUPERVISOR)).unwrap_or(true) {
        let words = "the services are installed and stopped: `agentlab service install` starts them";
        found.push((false, words.to_owned()));
        return found;
    }
    let wanted = posts(workers, true, config.telegram.token.is_some());
    for post in [SUPERVISOR].into_iter().chain(wanted) {
        let (name, repair) = (manager.name(post), "`agentlab service install` repairs it");
        if !manager.is_installed(post) {
            found.push((false, format!("{name} is not installed: {repair}")));
            continue;
        }
        match manager.found(&basis, post) {
            Found::Same => {}
            Found::Differs => found.push((false, format!("{name} is not what this release would write: {repair}"))),
            Found::Absent | Found::Foreign | Found::CannotTell => {
                found
                    .push((false, format!("{} is not ours or cannot be read: {repair}", manager.file(post).display())));
            }
        }
        match manager.state(post).await {
            Ok(state) if state.pid.is_some() => {}
            Ok(state) => {
                let last = state.last_words().map(|last| format!(", it ended with {last}")).unwrap_or_default();
                found.push((false, format!("{name} does not run: {}{last}", state.words)));
            }
            Err(trouble) => found.push((false, format!("{name}: {trouble}"))),
        }
    }
    if found.is_empty() {
        found.push((true, format!("kept by {}; units are in {}", manager.kind.as_str(), manager.folder().display())));
    }
    // A machine at which somebody is always logged in needs none of it.
    found.push((true, manager.linger().words));
    found
}
