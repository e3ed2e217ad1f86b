//! A *gap*: a number that no line has, between the newest backup and where the database stands; somebody removed or overwrote what was
//! written there. The database has it all the same: a backup closes the gap, and until then the database must not be lost.
//! Whoever meets one while appending notes it, so that nobody has to read all of the journal again and again.

use std::{fs, io, path::PathBuf};

use crate::{files, home::Home};

/// Notes that there may be one.
pub fn note(home: &Home) -> io::Result<()> {
    fs::write(path(home), b"")
}

/// Whether one was noted.
pub fn is_noted(home: &Home) -> bool {
    path(home).exists()
}

/// There is none any more.
pub fn lift(home: &Home) -> io::Result<()> {
    files::remove(&path(home))
}

fn path(home: &Home) -> PathBuf {
    home.run().join("journal.gap")
}
