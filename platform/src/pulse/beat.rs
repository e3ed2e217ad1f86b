//! One beat, as the file has it. Whoever reads it learns from it who is there, whether it is ready, and whether its loops
//! turn; that its process lives is proved by its lock and its identity alone.

use std::{collections::BTreeMap, io, time::Duration};

use agentlab_domain::role::Post;
use serde::{Deserialize, Serialize};

use crate::{home::Home, identity::Identity, lock};

/// One beat, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Unique per process start.
    pub name: String,
    pub identity: Identity,
    pub version: String,
    pub commit: Option<String>,
    /// SHA-256 of the configuration under which it runs.
    pub config: String,
    pub ready: bool,
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

/// The last beats of all processes that ever had a post in this home; an error when somebody holds a post and its beat cannot
/// be read.
pub fn all(home: &Home) -> io::Result<Vec<Beat>> {
    let mut beats = Vec::new();
    for entry in std::fs::read_dir(home.path().join("run"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "pulse") {
            continue;
        }
        match serde_json::from_slice(&std::fs::read(&path)?) {
            Ok(beat) => beats.push(beat),
            Err(error) if lock::is_held(&path.with_extension("lock"))? => return Err(error.into()),
            // Damaged, and nobody is there.
            Err(_) => {}
        }
    }
    Ok(beats)
}
