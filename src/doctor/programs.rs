//! The programs that agents need, and whether Claude is logged in, by its own word: nothing is asked of the API, so it costs nothing.

use std::path::Path;

use agentlab_platform::{agent::Agent, config::Config, spawn};
use serde_json::Value;

use super::finding::Finding;

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Ok(Agent::Claude(program)) = Agent::find(config) {
        found.extend(login(config, &program).await);
    }
    found.push(match spawn::version(Path::new("git")).await {
        Ok(version) => Finding::plain("git", true, version),
        Err(error) => Finding::warning(
            "git",
            format!("git does not answer: {error}"),
            "install it, where your PATH finds it: agents work with it, and checks of a project need it",
        ),
    });
    found
}

/// Nothing where it does not say: an older one, or another agent.
async fn login(config: &Config, program: &Path) -> Option<Finding> {
    let said = spawn::agent_says(config, program, &["auth", "status"]).await.ok()?;
    let said: Value = serde_json::from_str(&said).ok()?;
    if said.get("loggedIn")?.as_bool()? {
        let how = said["authMethod"].as_str().unwrap_or("a way that it does not name");
        return Some(Finding::plain("login", true, format!("logged in by {how}")));
    }
    Some(Finding::problem(
        "login",
        format!("{} is not logged in: every task would wait for that", program.display()),
        "run `claude` in a terminal and enter /login, or set agent.env.ANTHROPIC_API_KEY",
    ))
}
