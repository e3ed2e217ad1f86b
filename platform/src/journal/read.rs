//! Reading the journal: what a database lacks that is at a number. Nothing is skipped in silence: what cannot be read is
//! counted, and so are numbers that no line has.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
};

use super::{Line, segments};
use crate::home::Home;

/// What the journal has above a number.
#[derive(Debug, Default, PartialEq)]
pub struct Journal {
    /// In the order of their numbers, one for each.
    pub lines: Vec<Line>,
    /// Lines that cannot be read, wherever they stand.
    pub unreadable: usize,
    /// How many numbers between the first that was looked for and the last have no line.
    pub missing: i64,
    /// Lines of another database.
    pub foreign: usize,
    /// Of which database the lines are; nothing where there is none.
    pub db: Option<String>,
    /// The file that is written now is there, and begins as one does.
    pub goes_on: bool,
}

/// Reads what is above `seq` of the database `db`; of any database, where `db` is `None`: then of that of the last line.
pub fn read(home: &Home, db: Option<&str>, seq: i64) -> io::Result<Journal> {
    let mut journal = Journal::default();
    let mut known: BTreeMap<String, BTreeMap<i64, Line>> = BTreeMap::new();
    let mut last = None;
    for path in segments::all(home) {
        // Of the last one, which is that.
        let current = path == home.journal();
        let mut first = None;
        if !path.is_file() {
            return Err(io::Error::other("something that is no file is in its place: move it away"));
        }
        let mut reader = BufReader::new(File::open(path)?);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes)? > 0 {
            match Line::unseal(bytes.trim_ascii_end()) {
                Some(line) if line.head => {
                    first = first.or(Some(db.is_none_or(|db| line.db == db)));
                    last = Some(line.db);
                }
                Some(line) => {
                    first = first.or(Some(db.is_none_or(|db| line.db == db)));
                    last = Some(line.db.clone());
                    // The later of one number counts.
                    known.entry(line.db.clone()).or_default().insert(line.seq, line);
                }
                None if bytes.trim_ascii().is_empty() => {}
                None => {
                    first = first.or(Some(false));
                    journal.unreadable += 1;
                }
            }
            bytes.clear();
        }
        journal.goes_on = current && first == Some(true);
    }
    journal.db.clone_from(&last);
    let wanted = db.map(str::to_owned).or(last).unwrap_or_default();
    let ours = known.remove(&wanted).unwrap_or_default();
    journal.foreign = known.values().map(BTreeMap::len).sum();
    journal.lines = ours.into_iter().filter(|(number, _)| *number > seq).map(|(_, line)| line).collect();
    let highest = journal.lines.last().map_or(seq, |line| line.seq);
    journal.missing = highest - seq - i64::try_from(journal.lines.len()).unwrap_or(i64::MAX);
    Ok(journal)
}
