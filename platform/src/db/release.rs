//! Letting go of leases: the job stays as it is, its run lives on, and any worker may claim it next.

use super::{Db, DbError, Durability};

impl Db {
    /// Releases the lease that `worker` holds on this job. The run is not touched.
    pub async fn release(&self, worker: &str, job_id: &str) -> Result<bool, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let released = sqlx::query(
            "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
             WHERE id = ?1 AND +lock_by = ?2 AND status = 'Running'",
        )
        .bind(job_id)
        .bind(worker)
        .execute(&mut *write)
        .await?
        .rows_affected();
        sqlx::query("UPDATE run SET worker = NULL WHERE job_id = ?1 AND worker = ?2 AND state <> 'over'")
            .bind(job_id)
            .bind(worker)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(released > 0)
    }

    /// Releases every lease of earlier processes at a worker's slot. Only the holder of the slot's lock may call this:
    /// that lock is held for life, so to hold it proves that they are dead.
    pub async fn release_slot(&self, slot: u32) -> Result<u64, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let earlier = format!("worker-{slot}.*");
        let released = sqlx::query(
            "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
             WHERE status = 'Running' AND lock_by GLOB ?1",
        )
        .bind(&earlier)
        .execute(&mut *write)
        .await?
        .rows_affected();
        sqlx::query("UPDATE run SET worker = NULL WHERE state <> 'over' AND worker GLOB ?1")
            .bind(&earlier)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "DELETE FROM Workers WHERE id GLOB ?1 AND id NOT IN (SELECT lock_by FROM Jobs WHERE lock_by IS NOT NULL)",
        )
        .bind(&earlier)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(released)
    }
}
