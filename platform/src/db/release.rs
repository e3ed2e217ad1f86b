//! Letting go of leases: the job stays as it is, its run lives on, and any worker may claim it next.

use super::{Db, DbError, Durability, Write};

impl Db {
    /// Releases the lease that `worker` holds on this job. The run is not touched.
    pub async fn release(&self, worker: &str, job_id: &str) -> Result<bool, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let released = lease(&mut write, worker, job_id).await?;
        sqlx::query("UPDATE run SET worker = NULL WHERE job_id = ?1 AND worker = ?2 AND state <> 'over'")
            .bind(job_id)
            .bind(worker)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(released)
    }

    /// Releases whatever this worker process holds. For a worker that is idle; costs a look when it holds nothing.
    pub async fn release_own(&self, worker: &str) -> Result<(), DbError> {
        let held: Vec<String> = sqlx::query_scalar("SELECT id FROM Jobs WHERE lock_by = ?1 AND status = 'Running'")
            .bind(worker)
            .fetch_all(self.read())
            .await?;
        for job_id in held {
            self.release(worker, &job_id).await?;
        }
        Ok(())
    }

    /// The worker slots under which leases are held now.
    pub async fn leased_slots(&self) -> Result<Vec<u32>, DbError> {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT lock_by FROM Jobs WHERE status = 'Running' AND lock_by IS NOT NULL")
                .fetch_all(self.read())
                .await?;
        let slot = |name: &String| name.strip_prefix("worker-")?.split_once('.')?.0.parse().ok();
        Ok(names.iter().filter_map(slot).collect())
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

/// Lets go of the lease that `worker` holds on this job, in the caller's transaction; false when it holds none.
pub(super) async fn lease(write: &mut Write, worker: &str, job_id: &str) -> Result<bool, DbError> {
    let released = sqlx::query(
        "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
         WHERE id = ?1 AND +lock_by = ?2 AND status = 'Running'",
    )
    .bind(job_id)
    .bind(worker)
    .execute(&mut **write)
    .await?;
    Ok(released.rows_affected() > 0)
}
