//! `completions`: the words of the command line for a shell, which then completes them at the press of Tab.

use agentlab_domain::exit_code;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::{args::Args, failure::Failure, print};

/// Prints the completions for `shell`; its documentation says where they belong.
pub fn completions(shell: Shell, as_json: bool) -> Result<u8, Failure> {
    let script = script(shell);
    if as_json {
        print::json(&serde_json::json!({ "shell": shell.to_string(), "script": script }))?;
    } else {
        print::line(script.trim_end());
    }
    Ok(exit_code::DONE)
}

/// What a shell reads.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(), "agentlab", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The command line without what is nobody's business.
fn visible() -> Command {
    let all = Args::command();
    let shown = Command::new("agentlab").about(all.get_about().cloned().unwrap_or_default()).args(all.get_arguments());
    all.get_subcommands().filter(|verb| !verb.is_hide_set()).fold(shown, |shown, verb| {
        let arguments: Vec<_> = verb.get_arguments().filter(|argument| !argument.is_hide_set()).cloned().collect();
        let under: Vec<_> = verb.get_subcommands().filter(|under| !under.is_hide_set()).cloned().collect();
        let own = Command::new(verb.get_name().to_owned()).about(verb.get_about().cloned().unwrap_or_default());
        shown.subcommand(own.args(arguments).subcommands(under))
    })
}
