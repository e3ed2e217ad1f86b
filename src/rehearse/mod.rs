//! `rehearse`: speaks Claude's stream-json without Claude, from directives in the prompt. For trying agentlab without
//! cost, and for tests. A *directive* is `[[word: argument]]`; a prompt without one is answered with its own beginning.

mod directive;
mod memory;
mod speak;

use std::{ffi::OsString, io::Read, time::Duration};

use agentlab_domain::exit_code;
use agentlab_platform::spawn;

use crate::failure::Failure;
use directive::{Directive, parse};
use memory::Memory;
use speak::Voice;

/// Rehearses the prompt on standard input. Understands those of Claude's arguments that agentlab uses; others are taken
/// and ignored.
pub fn rehearse(arguments: &[OsString]) -> Result<u8, Failure> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt)?;
    let memory = match Memory::open(&words)? {
        Ok(memory) => memory,
        Err(refusal) => return Ok(refusal.say()),
    };
    let voice = Voice::new(memory.session().to_owned());
    voice.begin();
    memory.keep(&prompt)?;
    let mut answer = Vec::new();
    let mut skipping = false;
    for directive in parse(&prompt) {
        if let Directive::First(path) = &directive {
            skipping = !is_first(path);
        }
        skipping &= directive != Directive::FirstEnd;
        if skipping {
            continue;
        }
        if let Some(code) = follow(&voice, &memory, &words, &directive, &mut answer)? {
            return Ok(code);
        }
    }
    if answer.is_empty() {
        let text = format!("Rehearsed: {}", prompt.trim().chars().take(200).collect::<String>());
        // As Claude does: an answer is a message of the model before it is a result.
        voice.says(&text);
        answer.push(text);
    }
    voice.answer(&answer.join("\n"));
    Ok(exit_code::DONE)
}

/// Whether this is asked for the first time; the file remembers.
fn is_first(path: &str) -> bool {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path).is_ok()
}

/// What `--append-system-prompt-file` names.
fn instructions(words: &[String]) -> Result<String, Failure> {
    match memory::value(words, "--append-system-prompt-file") {
        Some(file) => Ok(std::fs::read_to_string(file)?),
        None => Ok("no instructions".into()),
    }
}

/// Follows one directive; an exit code ends the rehearsal.
fn follow(
    voice: &Voice,
    memory: &Memory,
    words: &[String],
    directive: &Directive,
    answer: &mut Vec<String>,
) -> Result<Option<u8>, Failure> {
    match directive {
        Directive::Say(text) => {
            voice.says(text);
            answer.push(text.clone());
        }
        Directive::Long(characters) => answer.push("0123456789 ".chars().cycle().take(*characters).collect()),
        Directive::Sleep(seconds) => std::thread::sleep(Duration::from_secs_f64(*seconds)),
        Directive::Tool { name, detail } => voice.uses(name, detail),
        Directive::Write { path, text } => {
            voice.uses("Write", path);
            std::fs::write(path, text)?;
        }
        Directive::Append { path, text } => {
            use std::io::Write;
            voice.uses("Write", path);
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
            // In one write: several rehearsals may append to one file.
            file.write_all(format!("{text}\n").as_bytes())?;
        }
        Directive::Fork(seconds) => {
            let pid = spawn::bystander(*seconds)?;
            voice.uses("Bash", &format!("sleep {seconds} (pid {pid})"));
        }
        Directive::Env => answer.push(environment()),
        Directive::Noise(bytes) => speak::noise(*bytes),
        Directive::Deny(tool) => voice.denies(tool),
        Directive::Retry(status) => voice.retries(*status),
        Directive::Fail(status) => {
            voice.fails(*status);
            return Ok(Some(1));
        }
        Directive::Cost(usd) => voice.costs(*usd),
        Directive::Empty => {
            voice.empty();
            return Ok(Some(0));
        }
        Directive::Recall => answer.push(memory.earlier().join("\n")),
        Directive::Instructions => answer.push(instructions(words)?),
        Directive::Login => {
            voice.not_logged_in();
            return Ok(Some(1));
        }
        Directive::Limit(resets_at) => {
            voice.limited(*resets_at);
            return Ok(Some(1));
        }
        Directive::Exit(code) => return Ok(Some(*code)),
        Directive::First(_) | Directive::FirstEnd => {}
        Directive::DieOnce(path) => {
            if is_first(path) {
                std::process::abort();
            }
        }
        Directive::Hang => loop {
            std::thread::sleep(Duration::from_hours(1));
        },
    }
    Ok(None)
}

/// The names of this process' variables: for the test that no secret is among them.
fn environment() -> String {
    let mut names: Vec<String> = spawn::own_environment();
    names.sort();
    names.join("\n")
}
