//! What a person typed is no command, or asks for help: clap's words, or with `--json` an object. Verbs that are hidden from help
//! are named here neither.

use std::process::ExitCode;

use agentlab_domain::exit_code;
use clap::{
    CommandFactory, Error,
    error::{ContextKind, ContextValue},
};

use crate::{args::Args, print, written};

/// Says it, and the exit code.
pub fn misunderstood(error: Error) -> ExitCode {
    let error = without_hidden(error);
    let code = u8::try_from(error.exit_code()).unwrap_or(exit_code::USAGE);
    if error.use_stderr() && std::env::args().any(|word| word == "--json") {
        print::line(&serde_json::json!({ "error": sentence(&error.to_string()), "code": code }).to_string());
        return ExitCode::from(written(code));
    }
    let printed = error.print();
    if !error.use_stderr() {
        print::heed(printed);
    }
    ExitCode::from(written(code))
}

/// The list of verbs that an error prints, as help prints it.
fn without_hidden(mut error: Error) -> Error {
    if let Some(ContextValue::Strings(verbs)) = error.get(ContextKind::ValidSubcommand).cloned() {
        let all = Args::command();
        let shown = |verb: &String| !all.find_subcommand(verb).is_some_and(clap::Command::is_hide_set);
        let verbs = verbs.into_iter().filter(shown).collect();
        error.insert(ContextKind::ValidSubcommand, ContextValue::Strings(verbs));
    }
    error
}

/// What is wrong, on one line: all before the first empty line, which parts it from tips and usage.
fn sentence(words: &str) -> String {
    let said: Vec<&str> = words.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    said.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn said(arguments: &[&str]) -> String {
        sentence(&without_hidden(Args::try_parse_from(arguments).unwrap_err()).to_string())
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_hidden_is_not() {
        assert_eq!(said(&["agentlab", "job"]), "the following required arguments were not provided: <ID>");
        let verbs = said(&["agentlab", "--json"]);
        assert!(verbs.contains("status") && verbs.contains("doctor"), "{verbs}");
        assert!(!verbs.contains("rehearse") && !verbs.contains("fit,"), "{verbs}");
    }
}
