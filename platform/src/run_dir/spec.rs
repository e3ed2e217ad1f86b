//! What a shim is to do. Written by the worker before the shim starts, and never changed.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use agentlab_domain::session::Opened;
use serde::{Deserialize, Serialize};

use super::{Place, RunDir, read};
use crate::trace::Trace;

/// What the shim is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub run: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    pub workspace: PathBuf,
    /// Milliseconds after which the run is stopped.
    pub limit_ms: u64,
    /// Milliseconds without output after which it is stopped.
    pub silence_ms: u64,
    /// Milliseconds between the request to end and the kill.
    pub grace_ms: u64,
    /// How its session was opened; `None` in what an earlier release wrote.
    #[serde(default)]
    pub opened: Option<Opened>,
    /// SHA-256 of its instructions.
    #[serde(default)]
    pub instructions: Option<String>,
    /// What must pass after the agent's work, for `/bin/sh`.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Where the directory was when the run began; `None` in what an earlier release wrote. Filled in when it is written.
    #[serde(default)]
    pub place: Option<Place>,
    /// What the lines that are logged for it belong to.
    #[serde(default)]
    pub trace: Trace,
}

impl RunDir {
    /// What the shim is to do, and the prompt. Not synced: no shim survives the power cut that would lose them.
    pub fn write_spec(&self, spec: &Spec, prompt: &str) -> io::Result<()> {
        let spec = Spec { place: Some(self.place()?), ..spec.clone() };
        for (path, bytes) in
            [(self.prompt(), prompt.as_bytes()), (self.0.join("spec.json"), &serde_json::to_vec_pretty(&spec)?)]
        {
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)?;
        }
        Ok(())
    }

    /// What the shim is to do.
    pub fn spec(&self) -> io::Result<Spec> {
        read(&self.0.join("spec.json"))?.ok_or_else(|| io::Error::other("spec.json is missing"))
    }
}
