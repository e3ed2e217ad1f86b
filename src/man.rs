//! `man`: the manual page, from the same words as `--help`. One page holds every verb.

use std::io::Write as _;

use agentlab_domain::exit_code;
use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::{args::Args, failure::Failure, print};

/// What the exit codes mean, as in the README.
const CODES: [(u8, &str); 7] = [
    (exit_code::DONE, "done"),
    (exit_code::FAILED, "failed; the line says why"),
    (exit_code::USAGE, "the command line could not be understood"),
    (exit_code::RESTART, "a restart was asked for: start it again at once"),
    (exit_code::UNAVAILABLE, "a part that is needed is unavailable"),
    (exit_code::ALREADY_RUNNING, "already running"),
    (exit_code::CONFIGURATION, "the configuration is wrong"),
];

/// Prints the page, for `man -l -` or a file `agentlab.1` in a folder of MANPATH.
pub fn man(as_json: bool) -> Result<u8, Failure> {
    let page = String::from_utf8_lossy(&page()?).into_owned();
    if as_json {
        print::json(&serde_json::json!({ "name": "agentlab.1", "page": page }))?;
    } else {
        print::line(page.trim_end());
    }
    Ok(exit_code::DONE)
}

fn page() -> std::io::Result<Vec<u8>> {
    let command = Args::command();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).section("1").source(format!("agentlab {}", env!("CARGO_PKG_VERSION")));
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        page.write_all(&of_verb(verb, &command)?)?;
    }
    let mut rest = Roff::default();
    rest.control("SH", ["EXIT STATUS"]);
    for (code, words) in CODES {
        rest.control("TP", []).text([roman(code.to_string())]).text([roman(words)]);
    }
    rest.control("SH", ["FILES"]);
    for (path, words) in [
        ("~/.agentlab/config.toml", "the configuration; $AGENTLAB_HOME names another directory"),
        ("~/.agentlab/orchestrator.md", "what every agent is told beside its task"),
        ("~/.agentlab/agentlab.db", "everything that was accepted; never delete the file beside it that ends in -wal"),
        ("~/.agentlab/logs/", "logs, and what a process said last"),
    ] {
        rest.control("TP", []).text([roman(path)]).text([roman(words)]);
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// The part of one verb, with those under it.
fn of_verb(verb: &Command, root: &Command) -> std::io::Result<Vec<u8>> {
    let mut own = verb.clone().disable_help_flag(true);
    // What every verb takes stands once, with the options.
    for global in root.get_arguments().filter(|argument| argument.is_global_set()) {
        own =
            own.mut_args(|argument| if argument.get_id() == global.get_id() { argument.hide(true) } else { argument });
    }
    let mut head = Roff::default();
    head.control("SH", [format!("agentlab {}", verb.get_name()).as_str()]);
    head.text([roman(verb.get_about().map(ToString::to_string).unwrap_or_default())]);
    let mut part = Vec::new();
    head.to_writer(&mut part)?;
    let man = Man::new(own.clone());
    if own.get_arguments().any(|argument| !argument.is_hide_set()) {
        let mut options = Vec::new();
        man.render_options_section(&mut options)?;
        let options = String::from_utf8_lossy(&options).replace(".SH OPTIONS", ".PP").replace(".SH ARGUMENTS", ".PP");
        part.write_all(options.as_bytes())?;
    }
    for under in verb.get_subcommands().filter(|under| !under.is_hide_set()) {
        let mut line = Roff::default();
        let words = under.get_positionals().filter(|word| !word.is_hide_set());
        let words: Vec<String> = words.map(|word| format!("[{}]", word.get_id().as_str().to_uppercase())).collect();
        let typed = format!("agentlab {} {} {}", verb.get_name(), under.get_name(), words.join(" "));
        line.control("TP", []).text([roman(typed.trim_end())]);
        line.text([roman(under.get_about().map(ToString::to_string).unwrap_or_default())]);
        line.to_writer(&mut part)?;
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person may type, with every verb's and sub-verb's own words and flags; nothing that is hidden.
    fn words(command: &Command, found: &mut Vec<(String, bool)>) {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            match argument.get_long() {
                Some(long) => found.push((format!("--{long}"), true)),
                None => found.push((argument.get_id().to_string(), false)),
            }
            found.extend(argument.get_short().map(|short| (format!("-{short}"), true)));
        }
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            found.push((verb.get_name().to_owned(), true));
            words(verb, found);
        }
    }

    #[test]
    fn the_manual_names_every_verb_with_its_words_and_flags() {
        let (page, root) = (String::from_utf8(page().unwrap()).unwrap().replace("\\-", "-"), Args::command());
        let part = |verb: &str| {
            let part = page.split(&format!(".SH \"agentlab {verb}\"")).nth(1).unwrap_or_else(|| panic!("no {verb}"));
            part.split("\n.SH ").next().unwrap().to_lowercase()
        };
        for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let (own, mut found) = (part(verb.get_name()), Vec::new());
            words(verb, &mut found);
            for (word, _) in found {
                assert!(own.contains(&word.to_lowercase()), "{} {word}: {own}", verb.get_name());
            }
        }
    }

    #[test]
    fn the_completions_of_each_shell_know_every_verb_and_flag() {
        let (mut found, root) = (Vec::new(), Args::command());
        words(&root, &mut found);
        assert!(found.len() > 60 && found.iter().any(|(word, _)| word == "--no-wait"), "{found:?}");
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let script = crate::completions::script(shell);
            for (word, _) in found.iter().filter(|(_, typed)| *typed) {
                // Fish has flags without their dashes.
                let bare = word.trim_start_matches('-');
                assert!(
                    script.contains(word)
                        || script.contains(&format!("-l {bare}"))
                        || script.contains(&format!("-s {bare}")),
                    "{shell}: {word}"
                );
            }
        }
    }
}
