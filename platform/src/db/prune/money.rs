//! What the runs of tasks cost that go: it still counts for its day and its month, so it is kept as a sum.

use sqlx::SqliteConnection;

use super::DbError;

/// The days of every time zone begin with a quarter of an hour.
const QUARTER_MS: i64 = 900_000;

/// Adds what the runs of these tasks (a JSON array of `job.id`) cost to the sums. For once, before they go.
pub(super) async fn fold(write: &mut SqliteConnection, ids: &str) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO spend_past (at, user_id, runs, micro_usd)
         SELECT spend.reserved_at / ?2 * ?2, COALESCE(spend.user_id, 0), COUNT(*),
                SUM(COALESCE(spend.settled_micro_usd, spend.reserved_micro_usd))
         FROM run JOIN spend ON spend.run_id = run.id
         WHERE run.job_id IN (SELECT value FROM json_each(?1)) GROUP BY 1, 2
         ON CONFLICT (at, user_id) DO UPDATE SET runs = runs + excluded.runs, micro_usd = micro_usd + excluded.micro_usd",
    )
    .bind(ids)
    .bind(QUARTER_MS)
    .execute(write)
    .await?;
    Ok(())
}
