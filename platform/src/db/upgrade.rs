//! The *upgrade* of a schema: a database that a system has worked on lacks migrations of this release. A backup is made before the
//! first of them, and nobody writes between the copy and the last one. Where no backup can be made, nothing is changed.
//! What a migration may do is not decided here: it only expands, so the releases beside this one work on (docs/decisions/0028).

use std::time::Duration;

use agentlab_domain::backup::Reason;

use super::{Db, DbError};
use crate::{
    backup::{self, BackupError, Fault},
    clock, config,
    lock::Lock,
    pulse::limit,
};

/// How long an upgrade waits for its turn before it says so; who starts tries again.
const PATIENCE: Duration = limit::WRITE;

/// Keeps every writer waiting until it goes away.
#[derive(Debug)]
pub(super) struct Still(#[expect(dead_code, reason = "held, not read")] Lock);

/// Makes a backup of a database that is to be brought up to this version.
pub(super) async fn prepare(db: &Db, version: i64) -> Result<Still, DbError> {
    let waited = clock::scaled(PATIENCE);
    let late = |by: &str| DbError::Busy { waited_ms: waited.as_millis(), by: by.to_owned() };
    // In this order: whoever prunes holds it too, and then waits to write.
    let turn = tokio::time::timeout(waited, backup::turn(db.home())).await;
    let turn = turn.map_err(|_| late("by a process that makes or tries a backup"))?.map_err(refused)?;
    let ticket = tokio::time::timeout(waited, db.ticket()).await;
    let still = Still(ticket.map_err(|_| late("by another writer"))??);
    // What is wrong with a configuration is said elsewhere, and keeps nobody from a backup.
    let terms = config::load(db.home()).map(|config| config.backup).unwrap_or_default();
    let taken = backup::take_in(&turn, db, &terms, Reason::Schema(version)).await.map_err(refused)?;
    tracing::info!(name = taken.backup.name, version, "a backup was made before the schema is brought up to date");
    if let Some(why) = taken.not_copied {
        tracing::warn!(why, "the backup before the upgrade was not copied to backup.copy_to");
    }
    Ok(still)
}

/// What is wrong with the database itself is no matter of the backup.
fn refused(error: BackupError) -> DbError {
    match error {
        BackupError::Copy(error)
        | BackupError::Unsound(Fault::Database(error))
        | BackupError::Untried(Fault::Database(error))
            if error.is_busy() || error.is_damage() =>
        {
            error
        }
        error @ (BackupError::Busy
        | BackupError::File { .. }
        | BackupError::Copy(_)
        | BackupError::Unsound(_)
        | BackupError::Untried(_)) => DbError::NoBackup { why: error.to_string() },
    }
}
