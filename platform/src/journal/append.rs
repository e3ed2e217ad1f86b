//! Appending a line, and taking it back where its transaction did not come about.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use fail::fail_point;

use super::Line;
use crate::home::Home;

/// A line that was appended.
#[derive(Debug)]
pub struct Appended {
    file: File,
    before: u64,
    after: u64,
}

/// Appends a line. The caller holds the write ticket. One that could not be written leaves no half of itself.
pub fn append(home: &Home, line: &Line) -> io::Result<Appended> {
    let path = home.journal();
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&path)?;
    let before = file.metadata()?.len();
    let mut bytes = line.seal()?;
    // Whoever wrote last was cut off in the middle: its half is a line of its own, which nobody can read.
    if before > 0 && !ends_a_line(&file, before)? {
        bytes.insert(0, b'\n');
    }
    fail_point!("journal-append");
    let appended = Appended { after: before + bytes.len() as u64, before, file: file.try_clone()? };
    if let Err(error) = file.write_all(&bytes) {
        let _ = file.set_len(before);
        return Err(error);
    }
    fail_point!("journal-appended");
    Ok(appended)
}

fn ends_a_line(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

impl Appended {
    /// Its transaction was not committed: it is taken back, if nothing stands behind it. Where that fails the next line of the same
    /// number takes its place.
    pub fn take_back(&self) {
        if self.file.metadata().is_ok_and(|found| found.len() == self.after)
            && let Err(error) = self.file.set_len(self.before)
        {
            tracing::warn!(%error, "a line of the journal could not be taken back");
        }
    }
}
