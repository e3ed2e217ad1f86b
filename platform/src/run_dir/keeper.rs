//! Who keeps the run. The *keeper* is its shim: that it lives is known by the lock; who it is, by this file alone.

use std::{fs, io};

use super::{RunDir, read};
use crate::{home::Home, identity::Identity};

impl RunDir {
    /// Records the shim. Not synced: no shim survives the power cut that would lose it.
    pub fn write_shim(&self, shim: &Identity) -> io::Result<()> {
        let new = self.path().join("shim.tmp");
        fs::write(&new, serde_json::to_vec(shim)?)?;
        fs::rename(new, self.path().join("shim.json"))
    }

    /// The shim, if it was recorded.
    pub fn shim(&self) -> io::Result<Option<Identity>> {
        read(&self.path().join("shim.json"))
    }
}

/// The runs of this home that somebody keeps, by their locks alone: no database is needed.
pub fn living(home: &Home) -> Vec<RunDir> {
    let entries = fs::read_dir(home.runs()).into_iter().flatten().flatten();
    entries.map(|entry| RunDir::at(entry.path())).filter(|run| run.lock_held().unwrap_or(false)).collect()
}
