//! Crashes. A *crash* is an end of a long-lived process that nobody asked for; a refusal (exit codes 69, 75, 78) is none, and
//! neither is an end that was asked for. It says nothing of who is to blame: a process that somebody kills has crashed too.
//!
//! What is done about one is not decided here: `ladder` says when the process is started again.

mod suspicion;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::exit_code;

pub use suspicion::{Born, MANY, Release, Spans, Suspicion, Young, series, suspicion};

/// What is remembered of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was started.
    Start,
    /// It ended, and nobody had asked for it.
    Crash,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Start, Self::Crash];

    /// The word in rows and lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Crash => "crash",
        }
    }
}

/// How a process ended, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It hung, in these words, and was ended for it.
    Hung(String),
    /// Whoever saw its death had not started it, so no exit code was to be had.
    Found,
    /// It was gone when somebody looked, and had not said that it ends.
    Unseen,
}

/// Signals by which the system ends a process for a fault in its own code: SIGILL, SIGABRT, SIGFPE, SIGSEGV.
const FAULTS: [i32; 4] = [4, 6, 8, 11];
/// Letters of its last words that are kept.
const LONGEST: usize = 400;

/// Whether this end was a crash. `asked` says whether somebody had asked the process to stop, or it had said that it ends.
pub fn is_crash(how: &How, asked: bool) -> bool {
    match how {
        How::Exited(code) if exit_code::is_refusal(*code) => false,
        How::Exited(code) if *code == i32::from(exit_code::DONE) || *code == i32::from(exit_code::RESTART) => !asked,
        // It failed, even if it was while it stopped.
        How::Exited(_) | How::Hung(_) => true,
        // Whoever asks may grow impatient; a fault of its own is one, whenever it comes.
        How::Signalled(signal) => !asked || FAULTS.contains(signal),
        How::Found | How::Unseen => !asked,
    }
}

/// How it ended, for people, with the last line that it printed.
pub fn words(how: &How, last: Option<&str>) -> String {
    let end = match how {
        How::Exited(code) if *code == i32::from(exit_code::DONE) || *code == i32::from(exit_code::RESTART) => {
            format!("exit code {code}, though nobody had asked for it")
        }
        How::Exited(code) => format!("exit code {code}"),
        How::Signalled(signal) => format!("ended by signal {signal}"),
        How::Hung(why) => format!("hung: {why}"),
        How::Found => "nobody knows how: an earlier supervisor had started it".to_owned(),
        How::Unseen => {
            "nobody knows how: it ended while no supervisor looked, and had not said that it ends".to_owned()
        }
    };
    match last.map(str::trim).filter(|last| !last.is_empty()) {
        Some(last) => format!("{end}: {}", last.chars().take(LONGEST).collect::<String>()),
        None => end,
    }
}
