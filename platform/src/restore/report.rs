//! What was restored, for people: kept in the home until the next time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{calendar, files, home::Home};

/// What was done to the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Unix milliseconds.
    pub at: i64,
    /// What was wrong with it; nothing where it only lacked its last transactions.
    pub why: Option<String>,
    /// What took its place: the name of a backup and when it was made; nothing where the journal alone had everything.
    pub backup: Option<(String, i64)>,
    /// Why the backup is not as it was made: nothing better was there.
    #[serde(default)]
    pub unsound: Option<String>,
    /// What took its place is the file that was there, without the WAL beside it.
    #[serde(default)]
    pub alone: bool,
    /// It was found whole after all, and lacked nothing.
    #[serde(default)]
    pub whole: bool,
    /// Where the files are that were in its place.
    pub set_aside: Option<PathBuf>,
    /// Transactions that were put back from the journal.
    pub transactions: usize,
    /// Runs that were put back from their directories.
    pub runs: usize,
    /// Transactions of which nobody knows anything any more.
    pub missing: i64,
    /// Rows that could not be put back.
    pub refused: usize,
    /// Lines of the journal that cannot be read.
    #[serde(default)]
    pub unreadable: usize,
    /// The journal that goes on from what took its place is not there: nobody knows what it had.
    #[serde(default)]
    pub cut_off: bool,
    /// Files of the configuration that were put back.
    pub files: Vec<String>,
}

impl Report {
    /// What was done, in one sentence or two.
    pub fn words(&self) -> String {
        let back = match (self.transactions, self.runs) {
            (1, 0) => "1 transaction was".to_owned(),
            (transactions, 0) => format!("{transactions} transactions were"),
            (transactions, runs) => {
                format!("{transactions} transactions, and {runs} runs from their directories, were")
            }
        };
        let back = format!("{back} put back from the journal");
        let Some(why) = &self.why else {
            return format!("the database lacked what it had promised last: {back}{}", self.lost());
        };
        if self.whole {
            return format!(
                "the database was looked at closely ({why}) and is whole: nothing had to be put back from the journal"
            );
        }
        let from = match &self.backup {
            Some((name, at)) => {
                let unsound = self.unsound.as_ref().map(|why| {
                    format!(
                        ", which is not as it was made ({why}): nothing better was there, and what it lacks is lost"
                    )
                });
                let when = calendar::clock_time(*at, self.at);
                format!("restored from the backup of {when} ({name}){}", unsound.unwrap_or_default())
            }
            None if self.alone => "begun with as it is, without the WAL beside it, which is of another file".to_owned(),
            None => "built again from the journal".to_owned(),
        };
        let aside = self.set_aside.as_ref().map(|path| format!(" What was there is kept in {}.", path.display()));
        let files =
            if self.files.is_empty() { String::new() } else { format!(" Put back too: {}.", self.files.join(", ")) };
        format!("the database was replaced ({why}): {from}; {back}{}.{}{files}", self.lost(), aside.unwrap_or_default())
    }

    fn lost(&self) -> String {
        let mut words = String::new();
        if self.missing > 0 {
            let many = if self.missing == 1 {
                "1 transaction is".into()
            } else {
                format!("{} transactions are", self.missing)
            };
            words.push_str(&format!("; {many} lost: the journal has them no more"));
        }
        if self.cut_off {
            words.push_str(
                "; what was accepted after that may be lost: the journal that goes on from there is not there any more",
            );
        } else if self.unreadable > 0 && self.why.is_some() {
            words.push_str("; the journal is damaged in places, and what stood there may be lost");
        }
        if self.refused > 0 {
            words.push_str(&format!("; {} rows could not be put back", self.refused));
        }
        words
    }

    /// Whether somebody should hear of it: a single transaction may have been on its way when its process was killed.
    pub const fn is_news(&self) -> bool {
        self.why.is_some() || self.transactions > 1 || self.missing > 0 || self.refused > 0
    }
}

/// What was done last, if anything ever was.
pub fn last(home: &Home) -> Option<Report> {
    serde_json::from_slice(&files::read(&path(home.path())).ok()?).ok()
}

pub(super) fn keep(home: &Home, report: &Report) -> std::io::Result<()> {
    files::put(&path(home.path()), &serde_json::to_vec_pretty(report)?)
}

fn path(home: &Path) -> PathBuf {
    home.join("restored.json")
}
