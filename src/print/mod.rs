//! Printing. Answers go to standard output, everything else to standard error; a reader that went away is no error, any other
//! answer that could not be written is remembered for the exit code. What a task or an agent wrote is never obeyed by a terminal.

mod colour;
mod table;
mod tame;

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::OnceLock,
};

use serde::Serialize;

pub use colour::{painted, painted_as};
pub use table::table;

/// Why an answer was not written; the first reason stays.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// A line of the answer.
pub fn line(text: &str) {
    coloured(&shown(text));
}

/// A line of the answer with colours of ours; what others wrote in it has passed `shown` or is a cell of a table.
pub fn coloured(text: &str) {
    heed(writeln!(io::stdout(), "{text}"));
}

/// A line beside the answer.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", beside(text));
}

/// What went wrong.
pub fn error(text: &str) {
    let _ = writeln!(io::stderr(), "agentlab: {}", beside(text));
}

/// JSON, one value.
pub fn json(value: &impl Serialize) -> serde_json::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// The text as standard output may show it: a terminal obeys none of it, anything else gets it as it is.
pub fn shown(text: &str) -> String {
    tame::on(io::stdout().is_terminal(), text)
}

/// The same for standard error.
pub fn beside(text: &str) -> String {
    tame::on(io::stderr().is_terminal(), text)
}

/// Remembers that an answer was not written.
pub fn heed(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// Why the answer, or a part of it, was not written; `None` where it was, or where its reader went away.
pub fn unwritten() -> Option<&'static str> {
    heed(io::stdout().flush());
    UNWRITTEN.get().map(String::as_str)
}
