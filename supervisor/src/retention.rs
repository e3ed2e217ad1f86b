//! Retention, kept up by the supervisor: once an hour, and at once while the disk is nearly full, what is older than its age goes. Beside
//! it the disk is looked at every few seconds: what new work is refused for, and when it is taken again.

use std::{fs, io, time::Duration};

use agentlab_domain::{
    retention::{self, Ages, Pressure},
    room::{self, Verdict},
};
use agentlab_platform::{clock, config::Config, db::Db, disk, retention::pass, room::look};
use tokio::task::JoinHandle;

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(5);
/// Between two passes, and while the disk is nearly full.
const EVERY: Duration = Duration::from_hours(1);
const EVERY_PRESSED: Duration = Duration::from_mins(10);

/// It is kept up; it is not with the end of this value.
#[derive(Debug)]
pub(crate) struct Retention(JoinHandle<()>);

impl Drop for Retention {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Retention {
    /// Begins to keep it up. Must be called inside a runtime.
    pub(crate) fn begin(db: &Db, config: &Config) -> Self {
        Self(tokio::spawn(keep_on(db.clone(), config.clone())))
    }
}

async fn keep_on(db: Db, config: Config) {
    let (ages, floor) = (config.retention.ages(), config.disk.floor_mb);
    let mut known: Option<Pressure> = None;
    let mut passed = None;
    loop {
        let verdict = look(db.home(), floor);
        let pressure = match verdict {
            Verdict::Enough => Pressure::Enough,
            Verdict::Low(_) => Pressure::Pressed,
        };
        if known != Some(pressure) {
            // What could not be written or told now is tried again by the next look.
            match say(&db, verdict, known.is_some()).await {
                Ok(()) => known = Some(pressure),
                Err(error) => tracing::warn!(error, "that the disk is nearly full, or is not any more, was not told"),
            }
            passed = passed.filter(|_| pressure == Pressure::Enough);
        }
        let every = match pressure {
            Pressure::Enough => EVERY,
            Pressure::Pressed => EVERY_PRESSED,
        };
        if passed.is_none_or(|at: std::time::Instant| at.elapsed() >= clock::scaled(every)) {
            passed = Some(clock::instant());
            prune(&db, ages, pressure).await;
        }
        if room::wal_is_cut(db.wal_bytes(), disk::room(db.home().path()).map(|room| room.free))
            && let Err(error) = db.checkpoint().await
        {
            tracing::warn!(%error, "the WAL has grown, and cannot be moved into the database now");
        }
        tokio::time::sleep(clock::scaled(LOOK)).await;
    }
}

async fn prune(db: &Db, ages: Ages, pressure: Pressure) {
    // A clock that was just set forward makes nothing old.
    let now = db.believed_now().await;
    let passed = match now {
        Ok(now) => pass(db, retention::before(ages, pressure, now), pressure).await,
        Err(error) => Err(error.into()),
    };
    match passed {
        Ok(pass) => tracing::info!(
            tasks = pass.tasks,
            directories = pass.directories,
            rows = pass.rows,
            pages = pass.pages,
            longest_ms = pass.longest_ms,
            "what is older than its age was removed"
        ),
        Err(error) => tracing::warn!(%error, "what is older than its age was not all removed"),
    }
}

/// Notes for everybody how it is with the disk, and tells people.
async fn say(db: &Db, verdict: Verdict, changed: bool) -> Result<(), String> {
    let marker = db.home().disk_low();
    let words = |error: io::Error| format!("{}: {error}", marker.display());
    match verdict {
        Verdict::Low(low) => {
            tracing::warn!(of = ?low.of, low.free, low.floor, "the disk is nearly full: nothing new is taken");
            // The disk itself is asked too: without this file it is only told a little earlier that there is room.
            if let Err(error) = fs::write(&marker, b"") {
                tracing::warn!(%error, "run/disk.low cannot be written");
            }
            db.tell_of_low_disk(&room::low(low)).await.map_err(|error| error.to_string())
        }
        Verdict::Enough => {
            let was = marker.exists();
            if was {
                fs::remove_file(&marker).map_err(words)?;
            }
            if was || changed {
                tracing::info!("there is room on the disk: new tasks are taken");
            }
            db.tell_of_room().await.map_err(|error| error.to_string())
        }
    }
}
