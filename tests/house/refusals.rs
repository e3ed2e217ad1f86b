//! What the schema itself refuses, whatever the code above it does wrong: tried for real on the samples.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::migrations::filled;

/// A statement, and words of the refusal that it must meet.
struct Refused {
    statement: &'static str,
    because: &'static str,
}

const fn refused(statement: &'static str, because: &'static str) -> Refused {
    Refused { statement, because }
}

async fn try_it(connection: &mut SqliteConnection, statement: &str) -> Result<u64, String> {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(|error| error.to_string())
}

/// Task 1 is done, 2 runs in /srv/shop (exclusively), 11 runs in /srv/notes (not so).
const REFUSED: [Refused; 20] = [
    // Ended states stay ended.
    refused("UPDATE job SET state = 'queued', ended_at = NULL WHERE number = 1", "an ended job stays ended"),
    refused("UPDATE job SET state = 'failed' WHERE number = 1", "an ended job stays ended"),
    refused("UPDATE job SET state = 'running', ended_at = NULL WHERE state = 'poison'", "an ended job stays ended"),
    refused("UPDATE job SET ended_at = NULL WHERE number = 1", "CHECK constraint failed"),
    refused("UPDATE job SET state = 'done' WHERE number = 3", "CHECK constraint failed"),
    // No word that nobody knows.
    refused("UPDATE job SET state = 'levitating' WHERE number = 3", "CHECK constraint failed"),
    refused("UPDATE run SET outcome = 'great' WHERE job_id = '01KAPZ00000000000000000001'", "CHECK constraint failed"),
    // A run that is over stays over.
    refused(
        "UPDATE run SET state = 'running', outcome = NULL, ended_at = NULL WHERE job_id = '01KAPZ00000000000000000001'",
        "a run that is over stays over",
    ),
    refused("UPDATE run SET state = 'over' WHERE state = 'running'", "CHECK constraint failed"),
    // One head a lane, one place a job.
    refused(
        "UPDATE job_lane SET head = 1 WHERE job_id = '01KAPZ00000000000000000003'",
        "UNIQUE constraint failed: job_lane.lane",
    ),
    refused(
        "INSERT INTO job_lane (job_id, lane, head) VALUES ('01KAPZ00000000000000000002', 'chat:9', 1)",
        "UNIQUE constraint failed: job_lane.job_id",
    ),
    // One live run per job, session and exclusive directory.
    refused(
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         VALUES ('x', '01KAPZ00000000000000000002', 9, 't', 'claimed', 's-new', '/srv/else', 1, 1)",
        "UNIQUE constraint failed: run.job_id",
    ),
    refused(
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         SELECT 'x', '01KAPZ00000000000000000012', 1, 't', 'claimed', session, '/srv/else', 1, 1
         FROM run WHERE job_id = '01KAPZ00000000000000000002' AND state <> 'over'",
        "UNIQUE constraint failed: run.session",
    ),
    refused(
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         VALUES ('x', '01KAPZ00000000000000000012', 1, 't', 'claimed', 's-new', '/srv/shop', 1, 1)",
        "UNIQUE constraint failed: run.workspace",
    ),
    // No number of an attempt twice, no run without a job.
    refused(
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at, ended_at, outcome)
         VALUES ('x', '01KAPZ00000000000000000001', 1, 't', 'over', 's-new', '/srv/else', 1, 1, 2, 'lost')",
        "UNIQUE constraint failed: run.job_id, run.attempt",
    ),
    refused(
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         VALUES ('x', '01KAPZ00000000000000000099', 1, 't', 'claimed', 's-new', '/srv/else', 1, 1)",
        "FOREIGN KEY constraint failed",
    ),
    // The same update once.
    refused(
        "INSERT INTO telegram_update (bot_id, update_id, raw, decision, received_at) VALUES (7000, 9001, '{}', 'job', 1)",
        "UNIQUE constraint failed: telegram_update.bot_id, telegram_update.update_id",
    ),
    // One status message a job.
    refused(
        "INSERT INTO outbox (kind, job_id, chat, body, created_at)
         VALUES ('status', '01KAPZ00000000000000000002', 501, '{}', 1)",
        "UNIQUE constraint failed: outbox.job_id",
    ),
    // The audit log is append only.
    refused("UPDATE audit SET actor = 'nobody'", "the audit log is append only"),
    refused("DELETE FROM audit", "the audit log is append only"),
];

#[tokio::test]
async fn the_schema_refuses_what_must_never_be() {
    let (_folder, mut connection) = filled().await;
    for Refused { statement, because } in REFUSED {
        match try_it(&mut connection, statement).await {
            Ok(rows) => panic!("not refused ({rows} rows changed): {statement}"),
            Err(error) => assert!(error.contains(because), "{statement}\nmeant: {because}\nfound: {error}"),
        }
    }
}

/// Beside every refusal stands what is rightly allowed, so that a rule that refuses everything is found too.
#[tokio::test]
async fn the_schema_allows_the_ordinary() {
    let (_folder, mut connection) = filled().await;
    let allowed = [
        "UPDATE job SET state = 'cancelled', ended_at = 1 WHERE number = 3",
        "UPDATE job SET answer = 'kept' WHERE number = 1",
        "DELETE FROM job_lane WHERE job_id = '01KAPZ00000000000000000002'",
        "UPDATE job_lane SET head = 1 WHERE job_id = '01KAPZ00000000000000000003'",
        // In parallel where the project says `none`.
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         VALUES ('x', '01KAPZ00000000000000000012', 1, 't', 'claimed', 's-new', '/srv/notes', 0, 1)",
        "UPDATE run SET state = 'over', outcome = 'succeeded', ended_at = 2 WHERE job_id = '01KAPZ00000000000000000002'",
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         VALUES ('y', '01KAPZ00000000000000000002', 2, 't', 'claimed', 's-newer', '/srv/shop', 1, 1)",
        "INSERT INTO audit (at, action, actor) VALUES (1, 'cancel', 'terminal')",
    ];
    for statement in allowed {
        assert_eq!(try_it(&mut connection, statement).await, Ok(1), "{statement}");
    }
    let stranger = "INSERT INTO audit (at, action, actor) VALUES (1, 'stranger', '66600') ON CONFLICT DO NOTHING";
    assert_eq!(try_it(&mut connection, stranger).await, Ok(0), "a stranger leaves one row");
}
