//! Appending a line, and taking it back where its transaction did not come about.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use fail::fail_point;
use nix::unistd::{AccessFlags, access};

use super::{Line, read, segments};
use crate::{files, home::Home};

/// A line that was appended.
#[derive(Debug)]
pub struct Appended {
    file: File,
    before: u64,
    after: u64,
    /// No line and no segment has the number before its own.
    pub gap: bool,
}

/// Bytes in which the number of the last line stands.
const TAIL: u64 = 200;

/// Why a line was not appended.
#[derive(Debug)]
pub enum NotAppended {
    /// The journal has later transactions than the database: it lost them.
    Behind {
        last: i64,
    },
    Io(io::Error),
}

impl From<io::Error> for NotAppended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is in the way of appending, in words; nothing where nothing is. Without it nothing that is promised is committed.
pub fn in_the_way(home: &Home) -> Option<String> {
    let path = home.journal();
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => Some(files::NO_FILE.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Ok(_) => access(&path, AccessFlags::R_OK | AccessFlags::W_OK)
            .err()
            .map(|error| format!("it may not be read and written ({error}): `chmod 600` it")),
        Err(error) => Some(error.to_string()),
    }
}

/// Appends a line. The caller holds the write ticket. One that could not be written leaves no half of itself.
pub fn append(home: &Home, line: &Line) -> Result<Appended, NotAppended> {
    let path = home.journal();
    // Whatever is no file may never end.
    if let Some(why) = in_the_way(home) {
        return Err(io::Error::other(why).into());
    }
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&path)?;
    let before = file.metadata()?.len();
    let last = last(&file, before, &line.db)?;
    if let Some(last) = last.filter(|last| *last > line.seq) {
        return Err(NotAppended::Behind { last });
    }
    let gap = !follows(home, last, line)?;
    let mut bytes = line.seal().map_err(io::Error::from)?;
    // Whoever wrote last was cut off in the middle: its half is a line of its own, which nobody can read.
    if before > 0 && !ends_a_line(&file, before)? {
        bytes.insert(0, b'\n');
    }
    fail_point!("journal-append");
    let appended = Appended { after: before + bytes.len() as u64, before, gap, file: file.try_clone()? };
    if let Err(error) = file.write_all(&bytes) {
        let _ = file.set_len(before);
        return Err(error.into());
    }
    fail_point!("journal-appended");
    Ok(appended)
}

/// Whether something has the number before that of this line. The ordinary case costs nothing: it is the last one, or that of a
/// transaction that did not come about.
fn follows(home: &Home, last: Option<i64>, line: &Line) -> io::Result<bool> {
    let before = line.seq - 1;
    if before == 0 || last.is_some_and(|last| last == before || last == line.seq) {
        return Ok(true);
    }
    Ok(segments::last(home)? == Some(before)
        || read(home, Some(&line.db), before - 1)?.lines.first().is_some_and(|line| line.seq == before))
}

/// The number of the last line, where that can be read and is one of the database `db`.
fn last(file: &File, length: u64, db: &str) -> io::Result<Option<i64>> {
    let mut bytes = vec![0; usize::try_from(length.min(TAIL)).unwrap_or_default()];
    file.read_exact_at(&mut bytes, length.saturating_sub(TAIL))?;
    let text = String::from_utf8_lossy(&bytes);
    let told = text.trim_end().rsplit_once(&format!("\"db\":\"{db}\",\"seq\":"));
    Ok(told.and_then(|(_, rest)| rest.split_once(',')).and_then(|(seq, _)| seq.parse().ok()))
}

/// Whether the last line is that of this number of this database, or a segment was cut off there: then nothing stands above it.
pub fn ends_at(home: &Home, db: &str, seq: i64) -> io::Result<bool> {
    if let Some(why) = in_the_way(home) {
        return Err(io::Error::other(why));
    }
    let file = match File::open(home.journal()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(segments::last(home)? == Some(seq)),
        file => file?,
    };
    let length = file.metadata()?.len();
    Ok(length > 0 && ends_a_line(&file, length)? && last(&file, length, db)? == Some(seq))
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
