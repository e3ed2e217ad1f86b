//! Asking a service manager: its own command, with a time limit, since one that hangs is not to stop whoever asks.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

use super::{Kind, Manager};
use crate::clock;

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take where it waits for the end of a process: longer than `basis::STOP`.
const END: Duration = Duration::from_secs(45);
/// Tests shorten it no further: a busy machine takes its time to start a command.
const SHORTEST: Duration = Duration::from_secs(5);

/// Why a service manager did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("{program} cannot be started: {error}")]
    NotThere { program: String, error: std::io::Error },
    #[error("`{line}` did not answer within {} s", .limit.as_secs())]
    Hangs { line: String, limit: Duration },
    #[error("`{line}`: {words}")]
    Refused { line: String, words: String },
    #[error("{path:?}: {error}")]
    File { path: std::path::PathBuf, error: std::io::Error },
    #[error("{0}")]
    Unit(String),
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    line: String,
    success: bool,
    stdout: String,
    stderr: String,
}

impl Said {
    /// Its answer, where it went well.
    pub(super) fn well(self) -> Result<String, Trouble> {
        if self.success {
            return Ok(self.stdout);
        }
        let words = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let words = if words.is_empty() { "it failed and did not say why".to_owned() } else { words.join(" ") };
        Err(Trouble::Refused { line: self.line, words })
    }
}

impl Manager {
    pub(super) async fn ask(&self, words: &[&str]) -> Result<Said, Trouble> {
        self.ask_within(words, clock::scaled(ANSWER).max(SHORTEST)).await
    }

    pub(super) async fn ask_long(&self, words: &[&str]) -> Result<Said, Trouble> {
        self.ask_within(words, clock::scaled(END).max(SHORTEST)).await
    }

    pub(super) async fn ask_within(&self, words: &[&str], limit: Duration) -> Result<Said, Trouble> {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let line = format!("{name} {}", words.join(" "));
        let mut command = Command::new(&self.program);
        command.args(words).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
        // Ctrl-C at a terminal is for whoever asks, who says what became of it; the command comes to its end.
        command.process_group(0);
        if self.kind == Kind::Systemd
            && let Some(folder) = self.runtime_folder()
        {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        let output = match tokio::time::timeout(limit, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(Trouble::NotThere { program: name.into_owned(), error }),
            Err(_) => return Err(Trouble::Hangs { line, limit }),
        };
        Ok(Said {
            line,
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Where systemd's user manager listens, for a shell that was not told (`su`, cron).
    fn runtime_folder(&self) -> Option<std::path::PathBuf> {
        let told = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|value| !value.is_empty());
        let folder = std::path::PathBuf::from(format!("/run/user/{}", self.user));
        (!told && folder.is_dir()).then_some(folder)
    }
}
