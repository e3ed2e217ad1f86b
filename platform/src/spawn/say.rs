//! What programs say when they are asked: each has a limit and nothing to read, and is ended with whoever asks.

use std::{io, path::Path, process::Stdio};

use tokio::process::Command;

use super::clean_environment;
use crate::{config::Config, program};

/// What `program --version` prints, within ten seconds.
pub async fn version(program: &Path) -> io::Result<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(10), output).await.map_err(io::Error::other)??;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() { Ok(text) } else { Err(io::Error::other(output.status.to_string())) }
}

/// What an agent prints to these words, in the environment that a run has, within ten seconds; whatever its exit code.
pub async fn agent_says(config: &Config, program: &Path, words: &[&str]) -> io::Result<String> {
    let mut agent = Command::new(program);
    agent.args(words).env_clear().envs(clean_environment(config, "doctor"));
    let output = agent.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(10), output).await.map_err(io::Error::other)??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `agentlab --json doctor` prints in exactly this environment.
pub async fn doctor_in(environment: Vec<(String, String)>) -> io::Result<String> {
    let mut doctor = Command::new(program::own()?);
    doctor.args(["--json", "doctor"]).env_clear().envs(environment).current_dir("/");
    let output = doctor.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_mins(2), output).await.map_err(io::Error::other)??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
