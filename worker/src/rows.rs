//! Keeping the rows of a task beside its run, for a day on which database and journal are lost. Nothing waits for it or fails with
//! it: it is the third copy.

use agentlab_platform::{db::claim::Claim, life::Life, run_dir::RunDir};

/// Keeps them as they stand now.
pub(crate) async fn keep(life: &Life, claim: &Claim, run: &RunDir) {
    let kept = match life.db.rows_of(&claim.job_id).await {
        Ok(rows) => run.write_rows(&rows).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = kept {
        tracing::warn!(error, "the rows of the task were not kept beside its run");
    }
}
