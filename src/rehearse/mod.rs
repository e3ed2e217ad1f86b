//! `rehearse`: speaks Claude's stream-json without Claude, from directives in the prompt. For trying agentlab without
//! cost, and for tests. A *directive* is `[[word: argument]]`; a prompt without one is answered with its own beginning.

mod directive;
mod speak;

use std::{ffi::OsString, io::Read, time::Duration};

use agentlab_domain::exit_code;
use agentlab_platform::spawn;

use crate::failure::Failure;
use directive::{Directive, parse};
use speak::Voice;

/// Rehearses the prompt on standard input. Understands Claude's `--session-id`; other arguments are taken and ignored.
pub fn rehearse(arguments: &[OsString]) -> Result<u8, Failure> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let session = words.windows(2).find(|pair| pair[0] == "--session-id").map(|pair| pair[1].clone());
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt)?;
    let voice = Voice::new(session.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()));
    voice.begin();
    let mut answer = Vec::new();
    for directive in parse(&prompt) {
        if let Some(code) = follow(&voice, &directive, &mut answer)? {
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

/// Follows one directive; an exit code ends the rehearsal.
fn follow(voice: &Voice, directive: &Directive, answer: &mut Vec<String>) -> Result<Option<u8>, Failure> {
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
            writeln!(file, "{text}")?;
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
        Directive::Login => {
            voice.not_logged_in();
            return Ok(Some(1));
        }
        Directive::Limit(resets_at) => {
            voice.limited(*resets_at);
            return Ok(Some(1));
        }
        Directive::Exit(code) => return Ok(Some(*code)),
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
