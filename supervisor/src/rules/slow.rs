//! What may take long, looked at beside the rules: the disk, the rows, and the rows of the alerts themselves. A rule never waits for
//! them: it takes what was seen last, as long as that is new, and else it cannot tell.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use agentlab_domain::alert::facts::Rows;
use agentlab_platform::{alert::Book, backup, clock, db::Db, disk, home::Home, pulse::Turns, pulse::limit};
use tokio::{sync::watch::Receiver, task::JoinHandle};

/// How long reading or writing rows may take.
const ROWS: Duration = Duration::from_secs(10);
/// How long the disk may.
const DISK: Duration = Duration::from_secs(5);
/// What was seen so long ago is old.
const OLD: Duration = Duration::from_secs(40);

/// What was seen last; it ends with this value.
#[derive(Debug)]
pub(super) struct Slow {
    seen: Arc<Mutex<Seen>>,
    looks: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    disk: Option<(Instant, u64)>,
    backup: Option<(Instant, Duration)>,
    rows: Option<(Instant, Rows)>,
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.looks.abort();
    }
}

impl Slow {
    pub(super) fn begin(home: Home, book: Book, opened: Receiver<Option<Db>>, turns: Turns, every: Duration) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let looks = tokio::spawn(look_on(Arc::clone(&seen), (home, book), opened, turns, every));
        Self { seen, looks }
    }

    /// How full the disk is.
    pub(super) fn disk(&self) -> Option<u64> {
        new(self.seen().disk)
    }

    /// How old the newest backup is.
    pub(super) fn backup(&self) -> Option<Duration> {
        new(self.seen().backup)
    }

    /// What the rows say.
    pub(super) fn rows(&self) -> Option<Rows> {
        new(self.seen().rows)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new<T>(seen: Option<(Instant, T)>) -> Option<T> {
    seen.filter(|(at, _)| at.elapsed() < clock::scaled(OLD)).map(|(_, seen)| seen)
}

async fn look_on(
    seen: Arc<Mutex<Seen>>,
    (home, book): (Home, Book),
    opened: Receiver<Option<Db>>,
    turns: Turns,
    every: Duration,
) {
    let (mut noted, began) = (None, clock::instant());
    loop {
        turns.turn(limit::within(ROWS * 2 + DISK * 2 + every));
        let (full, backup) = (percent_full(&home).await, age_of_backup(&home, began).await);
        let db = opened.borrow().clone();
        let rows = match &db {
            Some(db) => read(db).await,
            None => None,
        };
        {
            let (mut seen, now) = (seen.lock().unwrap_or_else(PoisonError::into_inner), clock::instant());
            seen.disk = full.map(|full| (now, full)).or(seen.disk);
            seen.backup = backup.map(|age| (now, age)).or(seen.backup);
            seen.rows = rows.map(|rows| (now, rows)).or(seen.rows);
        }
        if let Some(db) = &db {
            noted = note(db, &book, noted).await;
        }
        tokio::time::sleep(every).await;
    }
}

/// A disk that hangs is not waited for.
async fn percent_full(home: &Home) -> Option<u64> {
    let home = home.clone();
    let asked = tokio::task::spawn_blocking(move || disk::percent_full(home.path()));
    tokio::time::timeout(clock::scaled(DISK), asked).await.ok()?.ok()?
}

/// How old the newest backup is; where there is none, how long we would have had time for one.
async fn age_of_backup(home: &Home, began: Instant) -> Option<Duration> {
    let home = home.clone();
    let asked = tokio::task::spawn_blocking(move || backup::newest(&home));
    let newest = tokio::time::timeout(clock::scaled(DISK), asked).await.ok()?.ok()?;
    let age = newest.and_then(|newest| u64::try_from(newest.age_ms()).ok()).map(Duration::from_millis);
    Some(age.unwrap_or_else(|| began.elapsed()))
}

async fn read(db: &Db) -> Option<Rows> {
    match tokio::time::timeout(clock::scaled(ROWS), db.alert_facts()).await.ok()? {
        Ok(rows) => Some(rows),
        Err(error) => {
            tracing::debug!(%error, "the rules cannot read the rows");
            None
        }
    }
}

/// Writes the rows of what the book has new; returns the book's time as of which they are written.
async fn note(db: &Db, book: &Book, noted: Option<SystemTime>) -> Option<SystemTime> {
    let changed = book.changed_at();
    if changed.is_none() || changed == noted {
        return noted;
    }
    match tokio::time::timeout(clock::scaled(ROWS), db.note_alerts(&book.read())).await {
        Ok(Ok(())) => return changed,
        Ok(Err(error)) => tracing::debug!(%error, "alerts have no row yet"),
        Err(_) => tracing::debug!("alerts have no row yet: the database is slow"),
    }
    noted
}
