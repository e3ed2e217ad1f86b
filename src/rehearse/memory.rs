//! What a rehearsal remembers: a transcript of its own per session, kept and named as Claude Code 2.1.197 keeps its own, with
//! the prompts in it. A session that exists cannot be begun again, and one that does not cannot be resumed.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::speak;

/// One session's memory.
pub struct Memory {
    session: String,
    file: PathBuf,
    earlier: Vec<String>,
}

/// Why a session cannot be opened.
pub enum Refused {
    InUse(String),
    Unknown(String),
}

impl Refused {
    /// Says so as Claude does; returns the exit code.
    pub fn say(&self) -> u8 {
        match self {
            Self::InUse(id) => crate::print::error(&format!("Error: Session ID {id} is already in use.")),
            Self::Unknown(id) => {
                let words = format!("No conversation found with session ID: {id}");
                crate::print::error(&words);
                speak::unknown_session(&words);
            }
        }
        1
    }
}

impl Memory {
    /// Opens the session that the arguments name.
    pub fn open(words: &[String]) -> std::io::Result<Result<Self, Refused>> {
        let own = value(words, "--session-id");
        let Some(resumed) = value(words, "--resume") else {
            let session = own.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
            let file = file(&session)?;
            return Ok(if file.exists() {
                Err(Refused::InUse(session))
            } else {
                Ok(Self { session, file, earlier: Vec::new() })
            });
        };
        let from = file(resumed)?;
        let Ok(earlier) = read(&from) else { return Ok(Err(Refused::Unknown(resumed.to_owned()))) };
        if !words.iter().any(|word| word == "--fork-session") {
            return Ok(Ok(Self { session: resumed.to_owned(), file: from, earlier }));
        }
        let session = own.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        let copy = file(&session)?;
        fs::copy(&from, &copy)?;
        Ok(Ok(Self { session, file: copy, earlier }))
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// What was asked before, the oldest first.
    pub fn earlier(&self) -> &[String] {
        &self.earlier
    }

    /// Keeps this prompt.
    pub fn keep(&self, prompt: &str) -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        writeln!(file, "{}", json!({ "type": "user", "prompt": prompt }))
    }
}

/// The word behind this one.
pub fn value<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
}

fn read(file: &Path) -> std::io::Result<Vec<String>> {
    let text = fs::read_to_string(file)?;
    let prompt = |line: &str| serde_json::from_str::<Value>(line).ok()?["prompt"].as_str().map(str::to_owned);
    Ok(text.lines().filter_map(prompt).collect())
}

/// Where the session is kept: found again from its own directory only.
fn file(session: &str) -> std::io::Result<PathBuf> {
    let own = agentlab_platform::transcript::directory_of_this_process()
        .ok_or_else(|| std::io::Error::other("neither CLAUDE_CONFIG_DIR nor HOME is set"))?;
    let here = std::env::current_dir()?.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let folder = own.join("projects").join(here);
    fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{session}.jsonl")))
}
