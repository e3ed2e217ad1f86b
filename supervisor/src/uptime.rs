//! Uptime, as the supervisor sees it: each pass tells whether the system serves, and what passed since the pass before it is counted
//! (`domain::uptime`) and noted in rows now and then. While the database cannot be read nothing is served.
//!
//! Nobody waits for it: what cannot be noted is noted later, and is lost with the process.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentlab_domain::uptime::{self, Passed};
use agentlab_platform::{clock, life::Life};
use tokio::task::JoinHandle;

/// Between two notes.
const NOTE: Duration = Duration::from_secs(20);
/// Between two looks at the database, and how long one may take.
const LOOK: Duration = Duration::from_secs(5);
/// What lies longer between two passes was watched by nobody.
const LONGEST_MS: i64 = 10_000;
/// How long the last note may take when the system ends.
const LAST: Duration = Duration::from_secs(1);

/// What was seen and is not noted yet.
#[derive(Debug, Default)]
struct Seen {
    /// The last pass: monotonic milliseconds, and whether it found the system serving.
    last: Option<(i64, bool)>,
    passed: Passed,
    readable: bool,
}

/// The counting; it ends with this value.
#[derive(Debug)]
pub(crate) struct Uptime {
    life: Arc<Life>,
    seen: Arc<Mutex<Seen>>,
    notes: JoinHandle<()>,
}

impl Drop for Uptime {
    fn drop(&mut self) {
        self.notes.abort();
    }
}

impl Uptime {
    /// Begins to count. Must be called inside a runtime.
    pub(crate) fn begin(life: &Arc<Life>) -> Self {
        // It was opened a moment ago.
        let seen = Arc::new(Mutex::new(Seen { readable: true, ..Seen::default() }));
        let notes = tokio::spawn(note_on(Arc::clone(life), Arc::clone(&seen)));
        Self { life: Arc::clone(life), seen, notes }
    }

    /// A pass found that the system serves, or does not.
    pub(crate) fn saw(&self, serves: bool) {
        let mut seen = locked(&self.seen);
        let (now, serves) = (clock::monotonic_ms(), serves && seen.readable);
        if let Some((at, before)) = seen.last {
            let passed = uptime::between(now - at, LONGEST_MS, before, serves);
            seen.passed.watched_ms += passed.watched_ms;
            seen.passed.served_ms += passed.served_ms;
        }
        seen.last = Some((now, serves));
    }

    /// Notes what is left.
    pub(crate) async fn end(self) {
        self.notes.abort();
        if tokio::time::timeout(LAST, note(&self.life, &self.seen)).await.is_err() {
            tracing::debug!("the last seconds of uptime are not noted: the database is locked");
        }
    }
}

fn locked(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn note_on(life: Arc<Life>, seen: Arc<Mutex<Seen>>) {
    let mut noted = clock::instant();
    loop {
        let readable = tokio::time::timeout(clock::scaled(LOOK), life.db.is_readable()).await.unwrap_or(false);
        locked(&seen).readable = readable;
        if readable && noted.elapsed() >= clock::scaled(NOTE) {
            note(&life, &seen).await;
            noted = clock::instant();
        }
        tokio::time::sleep(clock::scaled(LOOK)).await;
    }
}

/// Takes what was counted, and gives it back where it could not be noted.
async fn note(life: &Life, seen: &Mutex<Seen>) {
    let passed = std::mem::take(&mut locked(seen).passed);
    if passed.watched_ms == 0 {
        return;
    }
    if let Err(error) = life.db.watched(passed).await {
        tracing::debug!(%error, "uptime is noted later");
        let mut seen = locked(seen);
        seen.passed.watched_ms += passed.watched_ms;
        seen.passed.served_ms += passed.served_ms;
    }
}
