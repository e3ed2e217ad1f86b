//! Tallies: what is counted of rows, and what was counted of rows that are gone. A *tally* is a name, labels and a number that only
//! grows. `measure` counts the rows that are there; whoever deletes some *folds* them first, in the same transaction: so no
//! counter goes back when old rows go.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{DbError, Write, measure};

/// The names of tallies.
pub mod names {
    pub const TASKS_ACCEPTED: &str = "tasks_accepted";
    pub const TASKS_ENDED: &str = "tasks_ended";
    /// Milliseconds from acceptance to the end, of tasks that are done: a histogram.
    pub const ANSWERS: &str = "task_seconds";
    /// Milliseconds from acceptance to the first claim: a histogram.
    pub const PICKUPS: &str = "task_pickup_seconds";
    pub const RUNS: &str = "runs";
    /// Milliseconds of runs that are over: a histogram.
    pub const RUN_TIMES: &str = "run_seconds";
    /// Runs beyond the first of their task.
    pub const RETRIES: &str = "retries";
    pub const ADOPTIONS: &str = "adoptions";
    pub const CALLS: &str = "claude_calls";
    /// Milliseconds in which Claude's API answered.
    pub const API_TIME: &str = "claude_api_ms";
    pub const TURNS: &str = "turns";
    pub const TOKENS: &str = "tokens";
    /// Millionths of a US dollar.
    pub const SPENT: &str = "spent_micro_usd";
    pub const UPDATES: &str = "updates";
    pub const DELIVERED: &str = "messages_delivered";
    pub const GIVEN_UP: &str = "messages_given_up";
    pub const STARTS: &str = "process_starts";
    pub const CRASHES: &str = "process_crashes";
    pub const RECOVERIES: &str = "recoveries";
    pub const ALERTS: &str = "alerts";
    /// Milliseconds.
    pub const WATCHED: &str = "watched_ms";
    pub const SERVED: &str = "served_ms";
}

/// The label of a histogram's bucket: its bound in milliseconds, or `BEYOND`.
pub const BOUND: &str = "le";
/// Longer than every bound.
pub const BEYOND: &str = "beyond";

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// Numbers by name and labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies(BTreeMap<(String, Labels), i64>);

impl Tallies {
    /// Adds to one.
    pub(super) fn add(&mut self, name: &str, labels: &[(&str, &str)], value: i64) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.add_to(name.to_owned(), labels, value);
    }

    fn add_to(&mut self, name: String, labels: Labels, value: i64) {
        let number = self.0.entry((name, labels)).or_default();
        *number = number.saturating_add(value);
    }

    /// Adds so many values of a histogram that fell into one bucket, with their sum.
    pub(super) fn add_times(&mut self, name: &str, bound: Option<i64>, count: i64, sum: i64) {
        let bound = bound.map_or_else(|| BEYOND.to_owned(), |bound| bound.to_string());
        self.add(name, &[(BOUND, &bound)], count);
        self.add(&sum_of(name), &[], sum);
    }

    /// What stands under this name.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Labels, i64)> {
        self.0.iter().filter(move |((own, _), _)| own == name).map(|((_, labels), value)| (labels, *value))
    }

    /// The sum of all that stands under this name.
    pub fn sum(&self, name: &str) -> i64 {
        self.of(name).map(|(_, value)| value).sum()
    }
}

/// The name under which the sum of a histogram stands, in milliseconds.
pub fn sum_of(name: &str) -> String {
    format!("{name}_sum")
}

/// Rows that are about to be deleted.
#[derive(Debug, Clone, Copy)]
pub enum Going<'a> {
    /// These tasks that ended (`job.id`), with their runs, what these cost, and their messages.
    Tasks(&'a [String]),
    /// These messages (`outbox.id`) that belong to no task.
    Messages(&'a [i64]),
    /// These updates (`bot_id:update_id`).
    Updates(&'a [String]),
    /// These starts and crashes (`crash.id`).
    Crashes(&'a [i64]),
    /// These recoveries (`recovery.id`).
    Recoveries(&'a [i64]),
    /// These alerts (`alert.id`).
    Alerts(&'a [i64]),
    /// These hours of uptime (`uptime.hour`).
    Hours(&'a [i64]),
}

/// Keeps what was counted of rows that this transaction deletes. To be called once for each row, before it is gone.
pub async fn fold(write: &mut Write, going: Going<'_>) -> Result<(), DbError> {
    let tallies = measure::going(write, going).await?;
    for ((name, labels), value) in tallies.0.into_iter().filter(|(_, value)| *value != 0) {
        sqlx::query(
            "INSERT INTO tally (name, labels, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value",
        )
        .bind(name)
        .bind(serde_json::to_string(&labels)?)
        .bind(value)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// What was folded so far; one whose labels cannot be read is passed over.
pub(super) async fn folded(connection: &mut SqliteConnection) -> Result<Tallies, DbError> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT name, labels, value FROM tally").fetch_all(connection).await?;
    let mut tallies = Tallies::default();
    for (name, labels, value) in rows {
        if let Ok(labels) = serde_json::from_str(&labels) {
            tallies.add_to(name, labels, value);
        }
    }
    Ok(tallies)
}
