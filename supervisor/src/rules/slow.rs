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

/// How old the newest backup is, and for how long there was no copy of the newest.
#[derive(Debug, Clone, Copy)]
struct Backed {
    age: Duration,
    uncopied: Duration,
}

#[derive(Debug, Default)]
struct Seen {
    disk: Option<(Instant, u64)>,
    backup: Option<(Instant, Backed)>,
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
        new(self.seen().backup).map(|backed| backed.age)
    }

    /// For how long backups have had no copy in the second folder.
    pub(super) fn uncopied(&self) -> Option<Duration> {
        new(self.seen().backup).map(|backed| backed.uncopied)
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
        let (full, backup) = (percent_full(&home).await, backed(&home, began).await);
        let db = opened.borrow().clone();
        let rows = match &db {
            Some(db) => read(db).await,
            None => None,
        };
        {
            let (mut seen, now) = (seen.lock().unwrap_or_else(PoisonError::into_inner), clock::instant());
            seen.disk = full.map(|full| (now, full)).or(seen.disk);
            seen.backup = backup.map(|backed| (now, backed)).or(seen.backup);
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

/// What the files of the backups say; where there is none, its age is how long we would have had time for one.
async fn backed(home: &Home, began: Instant) -> Option<Backed> {
    let home = home.clone();
    let asked = tokio::task::spawn_blocking(move || (backup::newest(&home), backup::uncopied(&home)));
    let (newest, uncopied) = tokio::time::timeout(clock::scaled(DISK), asked).await.ok()?.ok()?;
    let of = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    Some(Backed {
        age: newest.map_or_else(|| began.elapsed(), |newest| of(newest.age_ms())),
        uncopied: uncopied.map_or(Duration::ZERO, |failure| of(failure.age_ms())),
    })
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
