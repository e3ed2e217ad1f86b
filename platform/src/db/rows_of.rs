//! All rows of one job, as they stand now, for the directory of its run.

use sqlx::AssertSqlSafe;

use super::{
    Db, DbError,
    rows::{self, Image},
};
use crate::{clock, journal::Line};

/// From which tables, and which of their rows belong to the job `?1`. The job's newest run comes last.
const OF: [(&str, &str, &str); 6] = [
    ("session", "id IN (SELECT session FROM run WHERE job_id = ?1) AND forked_from IS NULL", "id"),
    ("job", "id = ?1", "id"),
    ("job_lane", "job_id = ?1", "seq"),
    ("run", "job_id = ?1", "attempt"),
    ("spend", "run_id IN (SELECT id FROM run WHERE job_id = ?1)", "run_id"),
    ("outbox", "job_id = ?1", "id"),
];

impl Db {
    /// The rows of a job.
    pub async fn rows_of(&self, job_id: &str) -> Result<Line, DbError> {
        let mut read = self.read().begin().await?;
        let (db, seq): (String, i64) = sqlx::query_as("SELECT id, seq FROM journal").fetch_one(&mut *read).await?;
        let tables = rows::tables(&mut read).await?;
        let mut line = Line { db, seq, at: clock::now_ms(), ..Line::default() };
        for (name, which, order) in OF {
            let Some(table) = tables.get(name) else { continue };
            let asking = format!("SELECT {} FROM \"{name}\" WHERE {which} ORDER BY {order}", table.as_json());
            let found: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(asking)).bind(job_id).fetch_all(&mut *read).await?;
            let images = found.iter().map(|text| serde_json::from_str(text)).collect::<Result<Vec<Image>, _>>()?;
            if !images.is_empty() {
                line.put.insert(name.to_owned(), images);
            }
        }
        Ok(line)
    }
}
