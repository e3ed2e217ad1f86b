//! Printing. Answers go to standard output, everything else to standard error; a reader that went away is no error.

mod colour;
mod table;

use std::io::Write;

use serde::Serialize;

pub use colour::painted;
pub use table::table;

/// A line of the answer.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line beside the answer.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What went wrong.
pub fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "agentlab: {text}");
}

/// JSON, one value.
pub fn json(value: &impl Serialize) -> serde_json::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}
