//! Tasks that go: with their runs, what these cost, their messages and their row in the queue. One row of each stays, which says that
//! there was one and how it ended.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    super::tally::{self, Going},
    Db, DbError, Gone, money,
};
use crate::clock;

/// A task that may go, with the runs whose directories go before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub id: String,
    pub runs: Vec<String>,
    at: Cursor,
}

/// How far one pass has come: tasks that may not go are passed over once, and not found again by every step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    ended_at: i64,
    number: i64,
}

impl Ended {
    /// Where the next step goes on.
    pub const fn cursor(&self) -> Cursor {
        self.at
    }
}

/// Every run of it is over, nothing of it is owed or on its way, and it has the message that it was promised.
const MAY_GO: &str = "job.ended_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM run WHERE run.job_id = job.id AND run.state <> 'over')
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.job_id = job.id
        AND (outbox.state = 'sending' OR (outbox.owed = 1 AND outbox.state <> 'delivered')))
    AND (job.channel <> 'telegram'
        OR EXISTS (SELECT 1 FROM outbox WHERE outbox.job_id = job.id AND outbox.kind = 'status'))";

const THESE: &str = "IN (SELECT value FROM json_each(?1))";

impl Db {
    /// Tasks that ended before then and may go, the earliest first, from `after` on.
    pub async fn tasks_to_prune(&self, before: i64, after: Cursor, many: u32) -> Result<Vec<Ended>, DbError> {
        let query = format!(
            "SELECT job.id, job.ended_at, job.number,
                    (SELECT json_group_array(run.id) FROM run WHERE run.job_id = job.id)
             FROM job WHERE job.ended_at < ?1 AND (job.ended_at, job.number) > (?2, ?3) AND {MAY_GO}
             ORDER BY job.ended_at, job.number LIMIT ?4"
        );
        let rows: Vec<(String, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(query))
            .bind(before)
            .bind(after.ended_at)
            .bind(after.number)
            .bind(many)
            .fetch_all(self.read())
            .await?;
        let ended = |(id, ended_at, number, runs): (String, i64, i64, String)| {
            Ok(Ended { id, runs: serde_json::from_str(&runs)?, at: Cursor { ended_at, number } })
        };
        rows.into_iter().map(ended).collect()
    }

    /// Of these runs those that ended before then, of tasks that have ended.
    pub async fn runs_to_prune(&self, ids: &[String], before: i64) -> Result<Vec<String>, DbError> {
        let query = format!(
            "SELECT run.id FROM run JOIN job ON job.id = run.job_id
             WHERE run.id {THESE} AND run.state = 'over' AND run.ended_at < ?2 AND job.ended_at < ?2"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(query)).bind(serde_json::to_string(ids)?).bind(before);
        Ok(query.fetch_all(self.read()).await?)
    }

    /// Removes these tasks, as far as they may still go.
    pub async fn prune_tasks(&self, ids: &[&str]) -> Result<Gone, DbError> {
        let mut held = self.begin_to_prune().await?;
        let write = &mut held.write;
        // Asked again: nothing kept anybody from writing since.
        let query = format!("SELECT id FROM job WHERE id {THESE} AND {MAY_GO}");
        let going: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(query)).bind(serde_json::to_string(ids)?).fetch_all(&mut **write).await?;
        tally::fold(write, Going::Tasks(&going)).await?;
        let ids = serde_json::to_string(&going)?;
        money::fold(write, &ids).await?;
        remember(write, &ids).await?;
        for statement in [
            format!("DELETE FROM spend WHERE run_id IN (SELECT id FROM run WHERE job_id {THESE})"),
            format!("DELETE FROM run WHERE job_id {THESE}"),
            format!(
                "UPDATE intervention SET outbox_id = NULL WHERE outbox_id IN (SELECT id FROM outbox WHERE job_id {THESE})"
            ),
            format!("DELETE FROM outbox WHERE job_id {THESE}"),
            format!("DELETE FROM job_lane WHERE job_id {THESE}"),
            format!("DELETE FROM job WHERE id {THESE}"),
            format!("DELETE FROM Jobs WHERE id {THESE}"),
        ] {
            sqlx::query(AssertSqlSafe(statement)).bind(&ids).execute(&mut **write).await?;
        }
        held.commit(u64::try_from(going.len()).unwrap_or_default()).await
    }
}

/// What stays of them.
async fn remember(write: &mut SqliteConnection, ids: &str) -> Result<(), DbError> {
    let query = format!(
        "INSERT INTO job_past (number, state, accepted_at, ended_at, attempts, cost_micro_usd, removed_at)
         SELECT job.number, job.state, job.accepted_at, job.ended_at,
                (SELECT COUNT(*) FROM run WHERE run.job_id = job.id),
                (SELECT SUM(cost_micro_usd) FROM run WHERE run.job_id = job.id), ?2
         FROM job WHERE job.id {THESE} ON CONFLICT DO NOTHING"
    );
    sqlx::query(AssertSqlSafe(query)).bind(ids).bind(clock::now_ms()).execute(write).await?;
    Ok(())
}
