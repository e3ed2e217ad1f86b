//! Where a run directory is. Whoever copies a home while a task runs in it copies what is recorded of its processes as well:
//! a *copy* knows whom the run started, and has no right to them.

use std::{fs, io, os::unix::fs::MetadataExt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::RunDir;

/// A directory of this machine, for as long as it is mounted: a copy of it has another one, what was only renamed has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    device: u64,
    inode: u64,
}

impl RunDir {
    /// Where it is now.
    pub(super) fn place(&self) -> io::Result<Place> {
        let folder = fs::metadata(self.path())?;
        Ok(Place { device: folder.dev(), inode: folder.ino() })
    }

    /// Notes that its run was taken in from another home: if that one is on this machine, what the run started is not ours.
    pub fn note_moved(&self) -> io::Result<()> {
        self.create()?;
        super::write(&self.moved(), b"true")
    }

    /// Whether its run was taken in from another home.
    pub fn was_moved(&self) -> bool {
        self.moved().exists()
    }

    fn moved(&self) -> PathBuf {
        self.path().join("moved.json")
    }

    /// Whether its run began in another directory. Where that is not recorded, or cannot be read, it counts as no copy.
    pub fn is_copy(&self) -> bool {
        if self.was_moved() {
            return true;
        }
        let began = self.spec().ok().and_then(|spec| spec.place);
        began.is_some_and(|began| self.place().is_ok_and(|now| now != began))
    }
}
