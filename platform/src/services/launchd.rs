//! Units of launchd (agents of a user): their labels, and what their property lists hold. launchd takes keys that it does not
//! know without a word, so what is written is read back strictly before it is put in place.

use std::path::PathBuf;

use agentlab_domain::role::{Post, Role};
use serde::{Deserialize, Serialize};

use super::{
    basis::{self, Basis, fill},
    command::Trouble,
};

/// The label of a post.
pub fn label(post: Post) -> String {
    match post.role {
        Role::Worker => format!("com.agentlab.worker.{}", post.slot),
        Role::Bot | Role::Supervisor | Role::Console => format!("com.agentlab.{}", post.role.as_str()),
    }
}

/// The domain of a user who is logged in.
pub(super) fn domain(user: u32) -> String {
    format!("gui/{user}")
}

/// What launchd is asked about.
pub(super) fn target(user: u32, post: Post) -> String {
    format!("gui/{user}/{}", label(post))
}

/// Everything that a unit of ours may say.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Agent {
    pub label: String,
    pub program_arguments: Vec<String>,
    pub environment_variables: Environment,
    pub run_at_load: bool,
    pub keep_alive: KeepAlive,
    pub throttle_interval: u32,
    pub exit_time_out: u32,
    pub abandon_process_group: bool,
    pub process_type: ProcessType,
    pub umask: u32,
    pub standard_out_path: PathBuf,
    pub standard_error_path: PathBuf,
}

/// What it finds in its environment.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    #[serde(rename = "AGENTLAB_HOME")]
    pub home: PathBuf,
    #[serde(rename = "PATH")]
    pub path: String,
}

/// When it is started again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct KeepAlive {
    pub successful_exit: bool,
}

/// How the system treats it when it is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessType {
    /// Its processor and disk are never throttled: it does what a person waits for.
    Interactive,
    /// The system decides.
    Standard,
}

/// What the file of a post holds.
pub(super) fn text(basis: &Basis, post: Post) -> String {
    let arguments: Vec<String> =
        basis::arguments(post).iter().map(|word| format!("\t\t<string>{}</string>", xml(word))).collect();
    // Agents are children of workers and inherit it.
    let kind = match post.role {
        Role::Worker | Role::Bot => "Interactive",
        Role::Supervisor | Role::Console => "Standard",
    };
    let mut values = vec![
        ("LABEL", label(post)),
        ("PROGRAM", xml(&basis.program)),
        ("ARGUMENTS", arguments.join("\n")),
        ("HOME", xml(&basis.home_word())),
        ("PATH", xml(&basis.path)),
        ("TYPE", kind.to_owned()),
        ("OUTPUT", xml(&basis.output(post))),
    ];
    values.extend(basis::limits());
    fill(include_str!("../../../launchd/com.agentlab.plist"), &values)
}

/// Reads a unit strictly.
pub fn read(text: &str) -> Result<Agent, Trouble> {
    plist::from_bytes(text.as_bytes()).map_err(|error| Trouble::Unit(format!("a property list is wrong: {error}")))
}

/// What a unit sets this variable to. One of another release may say more than ours do.
pub(super) fn variable(text: &str, name: &str) -> Option<String> {
    let value: plist::Value = plist::from_bytes(text.as_bytes()).ok()?;
    let variables = value.as_dictionary()?.get("EnvironmentVariables")?.as_dictionary()?;
    Some(variables.get(name)?.as_string()?.to_owned())
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
