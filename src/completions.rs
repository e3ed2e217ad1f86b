//! `completions`: the words of the command line for a shell, which then completes them at the press of Tab.

use agentlab_domain::exit_code;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Args, failure::Failure, print};

/// Prints the completions for `shell`; its documentation says where they belong.
pub fn completions(shell: Shell, as_json: bool) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "agentlab", &mut script);
    let script = String::from_utf8_lossy(&script);
    if as_json {
        print::json(&serde_json::json!({ "shell": shell.to_string(), "script": script }))?;
    } else {
        print::line(script.trim_end());
    }
    Ok(exit_code::DONE)
}
