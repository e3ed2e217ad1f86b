//! Reading the journal: what a database lacks that is at a number. Nothing is skipped in silence: what cannot be read is
//! counted, and so are numbers that no line has.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
};

use super::{Leap, Line, segments};
use crate::{files, home::Home};

/// What the journal has above a number.
#[derive(Debug, Default, PartialEq)]
pub struct Journal {
    /// In the order of their numbers, one for each.
    pub lines: Vec<Line>,
    /// Lines that cannot be read, wherever they stand.
    pub unreadable: usize,
    /// Where the numbers leap, in their order.
    pub leaps: Vec<Leap>,
    /// The number that a database has once all of this is in it.
    pub top: i64,
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
    let mut leaps: Vec<(String, Leap)> = Vec::new();
    let mut last = None;
    for path in segments::all(home)? {
        // Of the last one, which is that.
        let current = path == home.journal();
        let mut first = None;
        // Whoever calls names the file that is written now.
        let of_part = |error: io::Error| {
            if current { error } else { io::Error::new(error.kind(), format!("its part {}: {error}", path.display())) }
        };
        files::readable(&path).map_err(of_part)?;
        let mut reader = BufReader::new(File::open(&path).map_err(of_part)?);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes)? > 0 {
            match Line::unseal(bytes.trim_ascii_end()) {
                Some(line) if line.head => {
                    first = first.or(Some(db.is_none_or(|db| line.db == db)));
                    leaps.extend(line.from.map(|from| (line.db.clone(), Leap { from, to: line.seq })));
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
    journal.leaps = leaps.into_iter().filter(|(db, _)| *db == wanted).map(|(_, leap)| leap).collect();
    journal.leaps.sort_unstable();
    (journal.top, journal.goes_on) = (seq, journal.goes_on && !journal.is_left(seq));
    // What comes later is not to be joined to what was given up before it.
    if !journal.is_left(seq) {
        let above = ours.into_iter().filter(|(number, _)| *number > seq && !journal.is_left(*number));
        journal.lines = above.map(|(_, line)| line).collect();
        (journal.top, journal.missing) = journal.walk(seq);
    }
    Ok(journal)
}

impl Journal {
    /// Whether what had this number was given up.
    pub fn is_left(&self, seq: i64) -> bool {
        self.leaps.iter().any(|leap| leap.is_left(seq))
    }

    /// The number behind the last line, and how many have none on the way there.
    fn walk(&self, seq: i64) -> (i64, i64) {
        let leaps = |from: i64, below: i64| self.leaps.iter().filter(move |leap| leap.from >= from && leap.to < below);
        let (mut top, mut missing) = (seq, 0);
        for line in &self.lines {
            let skipped: i64 = leaps(top, line.seq).map(|leap| leap.to - leap.from).sum();
            missing += line.seq - top - 1 - skipped;
            top = line.seq;
        }
        for leap in leaps(top, i64::MAX) {
            missing += leap.from - top;
            top = leap.to;
        }
        (top, missing)
    }

    /// Up to which number it leads from this one without a gap.
    pub fn leads_to(&self, seq: i64) -> i64 {
        let leap = |top: i64| self.leaps.iter().find(|leap| leap.from == top).map_or(top, |leap| leap.to);
        let next = |top: i64, line: &Line| if line.seq == leap(top) + 1 { line.seq } else { top };
        leap(self.lines.iter().fold(seq, next))
    }
}
