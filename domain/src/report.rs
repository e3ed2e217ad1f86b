//! Reports: how the system did over some days, for people. Each report is of the time from one moment to another; what its numbers
//! mean stands beside them. One place makes the words, for the chat, the terminal and the weekly summary.
//!
//! A task that somebody cancelled is neither done nor failed.

use std::time::Duration;

use serde::Serialize;

use crate::{alert::words::span, budget, uptime};

/// How the system did in so many days.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub days: i64,
    /// The share of the time in which it served, from 0 to 1; `None` where nothing was watched.
    pub uptime: Option<f64>,
    pub done: i64,
    pub failed: i64,
    pub cancelled: i64,
    /// Tasks that were done or failed, for each day since there was a first task; a part of a day counts as one.
    pub per_day: f64,
    /// Failed tasks, of those that were done or failed, from 0 to 1.
    pub error_rate: Option<f64>,
    /// From the acceptance to the end of the newest of those that are done, milliseconds.
    pub p50_ms: Option<i64>,
    pub p95_ms: Option<i64>,
    pub p99_ms: Option<i64>,
    /// US dollars spent, or set aside by running tasks.
    pub usd: f64,
}

/// What a table of reports has in its columns: in how long half of the tasks were answered, and 95 of 100. It fits 60 columns.
pub const COLUMNS: [&str; 7] = ["last", "up", "tasks", "a day", "failed", "50 %, 95 % in", "cost"];

impl Report {
    /// Whether nothing ended and nothing was spent.
    pub fn is_empty(&self) -> bool {
        self.done + self.failed + self.cancelled == 0 && self.usd <= 0.0
    }

    /// In the columns of a table.
    pub fn cells(&self) -> [String; 7] {
        [
            format!("{} days", self.days),
            self.uptime.map_or_else(nothing, uptime::percent),
            (self.done + self.failed).to_string(),
            format!("{:.1}", self.per_day),
            self.error_rate.map_or_else(nothing, percent),
            self.p50_ms
                .zip(self.p95_ms)
                .map_or_else(nothing, |(half, most)| format!("{}, {}", lasted(half), lasted(most))),
            cost(self.usd),
        ]
    }

    /// In one line.
    pub fn line(&self) -> String {
        format!("Last {} days: {}.", self.days, self.clauses().join(", "))
    }

    /// As the summary of a week that is over, from one day to another.
    pub fn summary(&self, from: &str, to: &str) -> String {
        let mut words = format!("The week from {from} to {to}");
        for clause in self.clauses() {
            words.push_str(&format!("\n- {clause}"));
        }
        if self.cancelled > 0 {
            words.push_str(&format!("\n- {} cancelled", tasks(self.cancelled)));
        }
        words.push_str("\nTime in which nothing ran counts as down. `report.weekly = false` in the configuration ends these summaries.");
        words
    }

    fn clauses(&self) -> Vec<String> {
        let ended = self.done + self.failed;
        let mut clauses = Vec::new();
        clauses.extend(self.uptime.map(|ratio| format!("up {}", uptime::percent(ratio))));
        clauses.push(match ended {
            0 => "no task ended".into(),
            _ => format!("{} ({:.1} a day)", tasks(ended), self.per_day),
        });
        clauses.extend(self.error_rate.map(|rate| format!("{} failed", percent(rate))));
        clauses.extend(
            self.p50_ms.zip(self.p95_ms).map(|(half, most)| {
                format!("half of the answers within {}, 95 % within {}", lasted(half), lasted(most))
            }),
        );
        clauses.push(cost(self.usd));
        clauses
    }
}

fn nothing() -> String {
    "-".into()
}

/// So many tasks, in words.
pub fn tasks(count: i64) -> String {
    if count == 1 { "1 task".into() } else { format!("{count} tasks") }
}

/// Rounded up: only what never happened is `0 %`.
fn percent(rate: f64) -> String {
    format!("{:.0} %", (rate * 100.0).ceil())
}

fn lasted(ms: i64) -> String {
    span(Duration::from_millis(u64::try_from(ms).unwrap_or_default().div_ceil(1_000) * 1_000))
}

fn cost(usd: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; money of people")]
    let micro = (usd * 1_000_000.0) as i64;
    budget::dollars(micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Report {
        Report {
            days: 7,
            uptime: Some(0.9995),
            done: 11,
            failed: 1,
            cancelled: 3,
            per_day: 12.0 / 7.0,
            error_rate: Some(1.0 / 12.0),
            p50_ms: Some(40_200),
            p95_ms: Some(180_000),
            p99_ms: Some(600_000),
            usd: 1.2,
        }
    }

    #[test]
    fn one_line_says_it_all() {
        assert_eq!(
            busy().line(),
            "Last 7 days: up 99.95 %, 12 tasks (1.7 a day), 9 % failed, half of the answers within 41 s, 95 % within 3 min, $1.20."
        );
        assert_eq!(Report { days: 30, ..Report::default() }.line(), "Last 30 days: no task ended, $0.00.");
    }

    #[test]
    fn a_table_has_a_cell_for_each_column() {
        assert_eq!(busy().cells(), ["7 days", "99.95 %", "12", "1.7", "9 %", "41 s, 3 min", "$1.20"]);
        assert_eq!(Report { days: 7, ..Report::default() }.cells(), ["7 days", "-", "0", "0.0", "-", "-", "$0.00"]);
    }

    #[test]
    fn a_summary_names_its_week_and_how_to_end_it() {
        let words = busy().summary("2026-11-16", "2026-11-22");
        assert!(words.starts_with("The week from 2026-11-16 to 2026-11-22\n- up 99.95 %\n- 12 tasks"), "{words}");
        assert!(words.contains("\n- 3 tasks cancelled") && words.contains("report.weekly"), "{words}");
    }

    #[test]
    fn it_is_empty_when_nothing_ended_whatever_the_uptime() {
        assert!(Report { uptime: Some(1.0), days: 7, ..Report::default() }.is_empty());
        for some in [
            Report { done: 1, ..Report::default() },
            Report { failed: 1, ..Report::default() },
            Report { cancelled: 1, ..Report::default() },
            Report { usd: 0.01, ..Report::default() },
        ] {
            assert!(!some.is_empty(), "{some:?}");
        }
    }
}
