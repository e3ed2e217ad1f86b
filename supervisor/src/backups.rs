//! Backups, made by the supervisor when one is due, beside everything else. Whether one is due follows from the backups that are
//! there, so a restart neither loses nor repeats one.

use std::time::Duration;

use agentlab_domain::backup::{AGAIN_MS, Reason, is_due};
use agentlab_platform::{
    backup::{self, BackupError, Taken},
    clock,
    config::Backup as Terms,
    db::Db,
    home::Home,
    journal, restore,
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
    if terms.copy_to.is_none() {
        backup::none_wanted(db.home());
    }
    // It may have got one while nobody looked.
    let mut look_closely = true;
    loop {
        tokio::time::sleep(clock::scaled(LOOK)).await;
        let gap = has_gap(&db, look_closely).await;
        look_closely = false;
        // What a gap in the journal leaves out is in none of them.
        let newest = backup::newest(db.home()).filter(|_| !gap).map(|newest| newest.at);
        let failed = backup::failure(db.home()).map(|failure| failure.at);
        if is_due(newest, failed, clock::now_ms(), every_ms, clock::scaled_ms(AGAIN_MS)) {
            say(backup::take(&db, &terms, Reason::Hourly).await);
        } else {
            catch_up(db.home(), &terms).await;
        }
    }
}

/// Copies the newest to the second folder where that failed before: its disk may be there for a while only. Why it fails again is noted.
async fn catch_up(home: &Home, terms: &Terms) {
    let newest = backup::uncopied(home).and_then(|_| backup::newest(home));
    if let Some(newest) = newest
        && backup::copied(home, &newest, terms).await.is_none()
    {
        tracing::info!(name = newest.name, "the newest backup is in backup.copy_to now");
    }
}

/// Whether the journal lacks something that no backup has.
async fn has_gap(db: &Db, look_closely: bool) -> bool {
    let found = match restore::may_have_gap(db.home()).await {
        Ok(false) if !look_closely => return false,
        Ok(_) => restore::has_gap(db.home()).await,
        Err(error) => Err(error),
    };
    let lifted = match &found {
        Ok(true) => {
            tracing::error!("the journal lacks transactions that the database has: I make a backup");
            Ok(())
        }
        Ok(false) => journal::lift(db.home()),
        Err(error) => Err(std::io::Error::other(error.to_string())),
    };
    if let Err(error) = lifted {
        tracing::warn!(%error, "whether the journal has all that is in no backup cannot be told now");
    }
    found.unwrap_or(false)
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
