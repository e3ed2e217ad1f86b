//! The table that is printed in the end. An *aim* is what the issue asks for; whether it is met is said, never enforced.

use std::{fmt, time::Duration};

/// One line of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) measured: String,
    pub(crate) floor: String,
    pub(crate) ratio: String,
    pub(crate) aim: String,
}

/// Every line so far, and what is said below them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// An aim in words, and whether it is met.
pub(crate) fn aim(words: &str, met: bool) -> String {
    format!("{words}: {}", if met { "met" } else { "missed" })
}

/// How many floors something takes.
pub(crate) fn ratio(measured: Duration, floor: Duration) -> String {
    if floor.is_zero() { String::new() } else { format!("{:.1}", measured.div_duration_f64(floor)) }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |cells: [&str; 5]| format!("| {} |", cells.join(" | "));
        writeln!(f, "{}", line(["figure", "measured", "floor", "ratio", "aim"]))?;
        write!(f, "{}", line(["---"; 5]))?;
        for row in &self.rows {
            write!(f, "\n{}", line([&row.figure, &row.measured, &row.floor, &row.ratio, &row.aim]))?;
        }
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        Ok(())
    }
}
