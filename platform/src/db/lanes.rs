//! The order of a lane in rows: joining at the tail, leaving, and who is head after that.

use sqlx::SqliteConnection;

use super::DbError;

/// Joins the tail. Returns how many are before it.
pub(super) async fn join(connection: &mut SqliteConnection, lane: &str, job_id: &str) -> Result<i64, DbError> {
    let ahead: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM job_lane WHERE lane = ?1")
        .bind(lane)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO job_lane (job_id, lane, head) VALUES (?1, ?2, ?3)")
        .bind(job_id)
        .bind(lane)
        .bind(i64::from(ahead == 0))
        .execute(&mut *connection)
        .await?;
    Ok(ahead)
}

/// Leaves, and makes the next one head.
pub(super) async fn leave(connection: &mut SqliteConnection, job_id: &str) -> Result<(), DbError> {
    let lane: Option<String> = sqlx::query_scalar("DELETE FROM job_lane WHERE job_id = ?1 RETURNING lane")
        .bind(job_id)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(lane) = lane {
        sqlx::query(
            "UPDATE job_lane SET head = 1
             WHERE seq = (SELECT MIN(seq) FROM job_lane WHERE lane = ?1)
               AND NOT EXISTS (SELECT 1 FROM job_lane WHERE lane = ?1 AND head = 1)",
        )
        .bind(lane)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
