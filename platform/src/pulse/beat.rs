//! One beat, as the file has it. Whoever reads it learns from it who is there, whether it is ready, and whether its loops
//! turn; that its process lives is proved by its lock and its identity alone.

use std::{collections::BTreeMap, time::Duration};

use agentlab_domain::role::Post;
use serde::{Deserialize, Serialize};

use crate::{home::Home, identity::Identity};

/// One beat, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Unique per process start.
    pub name: String,
    pub identity: Identity,
    pub version: String,
    pub commit: Option<String>,
    /// When its commit was made and its executable written, Unix milliseconds.
    #[serde(default)]
    pub committed_at: Option<i64>,
    #[serde(default)]
    pub installed_at: Option<i64>,
    /// SHA-256 of the configuration under which it runs.
    pub config: String,
    pub ready: bool,
    /// Somebody has asked it to stop.
    #[serde(default)]
    pub asked: bool,
    /// It came to its end in an orderly way, whatever the end was. A process that is killed never says so.
    #[serde(default)]
    pub ended: bool,
    /// Grows with each beat.
    pub beats: u64,
    /// What is wrong, in words.
    pub note: Option<String>,
    pub loops: BTreeMap<String, LoopBeat>,
}

/// One loop, as the file has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopBeat {
    pub turns: u64,
    /// For how long it has not turned, in milliseconds, when that is longer than it promised; else 0.
    pub late_ms: u64,
}

impl Beat {
    /// The loop that is latest, with how late it is.
    pub fn latest(&self) -> Option<(&str, Duration)> {
        let late = self.loops.iter().filter(|(_, turns)| turns.late_ms > 0);
        let (name, turns) = late.max_by_key(|(_, turns)| turns.late_ms)?;
        Some((name, Duration::from_millis(turns.late_ms)))
    }
}

/// The last beat of the process at a post: `None` when there is none that can be read.
pub fn read(home: &Home, post: Post) -> Option<Beat> {
    let bytes = std::fs::read(home.pulse(post)).ok()?;
    // The bytes behind it are spaces.
    serde_json::from_slice(&bytes).ok()
}
