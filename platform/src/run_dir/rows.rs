//! The rows of a run in its directory: those of its job, its conversation, its runs, their costs and its messages, as they were
//! when it was claimed, and again when it was finished. They serve where database and journal are both lost.

use std::{fs, io};

use super::{RunDir, write};
use crate::{files, home::Home, journal::Line};

const FILE: &str = "rows.json";

impl RunDir {
    /// Keeps the rows.
    pub fn write_rows(&self, rows: &Line) -> io::Result<()> {
        write(&self.path().join(FILE), &rows.seal()?)
    }
}

/// The rows of every run directory, the oldest first.
pub(crate) fn all(home: &Home) -> Vec<Line> {
    let entries = fs::read_dir(home.runs()).into_iter().flatten().filter_map(Result::ok);
    let mut lines: Vec<Line> = entries
        .filter_map(|entry| files::read(&entry.path().join(FILE)).ok())
        .filter_map(|bytes| Line::unseal(bytes.trim_ascii_end()))
        .collect();
    lines.sort_by_key(|line| (line.seq, line.at));
    lines
}
