//! One beat, as the file has it. Whoever reads it learns from it who is there, whether it is ready, and whether its loops
//! turn; that its process lives is proved by its lock and its identity alone.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use agentlab_domain::role::Post;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use crate::{home::Home, identity::Identity, lock};

/// No beat has more bytes.
const LONGEST: usize = 8 * 1024;

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
    /// The service manager that starts it again when it ends; `None` in the beat of an earlier release.
    #[serde(default)]
    pub kept_by: Option<String>,
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
    // The bytes behind it are spaces.
    serde_json::from_slice(&bytes(&home.pulse(post)).ok()?).ok()
}

/// What stands in a pulse; whatever stands in its place, nobody waits for it.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    // In one piece, as it is written: so it is whole, and costs one call.
    let mut bytes = vec![0; LONGEST];
    let length = file.read(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// How often a beat is read again that was just being written.
const READS: u32 = 20;

/// The last beats of all processes that ever had a post in this home; an error when somebody holds a post and its beat cannot
/// be read. Blocks the thread for a moment where one is just being written.
pub fn all(home: &Home) -> io::Result<Vec<Beat>> {
    let mut beats = Vec::new();
    for entry in std::fs::read_dir(home.path().join("run"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "pulse") {
            beats.extend(patiently(&path)?);
        }
    }
    Ok(beats)
}

/// The beat at `path`; `None` when it is damaged and nobody is at its post.
fn patiently(path: &Path) -> io::Result<Option<Beat>> {
    for _ in 0..READS {
        if let Ok(beat) = serde_json::from_slice(&bytes(path)?) {
            return Ok(Some(beat));
        }
        if !lock::is_held(&path.with_extension("lock"))? {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(io::Error::other(format!("{} cannot be read, and somebody is at this post", path.display())))
}
