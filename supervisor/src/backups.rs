//! Backups, made by the supervisor when one is due, beside everything else. Whether one is due follows from the backups that are
//! there, so a restart neither loses nor repeats one.

use std::time::Duration;

use agentlab_domain::backup::{AGAIN_MS, Reason, is_due};
use agentlab_platform::{
    backup::{self, BackupError, Taken},
    clock,
    config::Backup as Terms,
    db::Db,
};
use tokio::task::JoinHandle;

/// Between two looks whether one is due; the first is after as long.
const LOOK: Duration = Duration::from_mins(1);
const MINUTE_MS: i64 = 60_000;

/// Backups are made; they are not with the end of this value.
#[derive(Debug)]
pub(crate) struct Backups(JoinHandle<()>);

impl Drop for Backups {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Backups {
    /// Begins to look. Must be called inside a runtime.
    pub(crate) fn begin(db: &Db, terms: &Terms) -> Self {
        Self(tokio::spawn(make_on(db.clone(), terms.clone())))
    }
}

async fn make_on(db: Db, terms: Terms) {
    let every_ms = clock::scaled_ms(i64::try_from(terms.every_minutes).unwrap_or(i64::MAX / MINUTE_MS) * MINUTE_MS);
    loop {
        tokio::time::sleep(clock::scaled(LOOK)).await;
        let newest = backup::newest(db.home()).map(|newest| newest.at);
        let failed = backup::failure(db.home()).map(|failure| failure.at);
        if is_due(newest, failed, clock::now_ms(), every_ms, clock::scaled_ms(AGAIN_MS)) {
            say(backup::take(&db, &terms, Reason::Hourly).await);
        }
    }
}

fn say(made: Result<Taken, BackupError>) {
    match made {
        Ok(Taken { backup, not_copied }) => {
            tracing::info!(name = backup.name, bytes = backup.bytes, "a backup was made and found sound");
            if let Some(why) = not_copied {
                tracing::warn!(name = backup.name, why, "the backup was not copied to backup.copy_to");
            }
        }
        Err(error) => tracing::warn!(%error, "no backup was made"),
    }
}
