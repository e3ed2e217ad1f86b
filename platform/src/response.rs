//! How long requests to a service took, as whoever makes them counts it. A *request* ended when it was answered, failed or was given
//! up on. No row is written for one: the counts are in `run/telegram.requests`, and go on with the next process.
//!
//! At most a second of them is lost when the process is killed. Nothing is decided by them.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use agentlab_domain::histogram::{self, REQUESTS};
use serde::{Deserialize, Serialize};

use crate::{clock, home::Home};

/// Between two times at which they are written.
const EVERY_MS: i64 = 1_000;

/// The requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// So many fell into each bucket of `histogram::REQUESTS`; the last one is beyond all bounds.
    pub buckets: Vec<u64>,
    pub sum_ms: u64,
    /// How many of them were not answered.
    pub failed: u64,
}

impl Requests {
    fn add(&mut self, took: Duration, failed: bool) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.buckets.resize(REQUESTS.len() + 1, 0);
        let place = histogram::bucket(&REQUESTS, i64::try_from(ms).unwrap_or(i64::MAX));
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(ms);
        self.failed += u64::from(failed);
    }
}

/// Requests by what was asked.
pub type ByMethod = BTreeMap<String, Requests>;

/// The counts of this process and those before it.
#[derive(Debug)]
pub struct Responses {
    path: PathBuf,
    counts: Mutex<(ByMethod, i64)>,
}

impl Responses {
    /// Goes on with what the process before this one counted.
    pub fn open(home: &Home) -> Self {
        Self { path: home.requests(), counts: Mutex::new((read(home), clock::monotonic_ms() - EVERY_MS)) }
    }

    /// Counts a request. Those of a second are written together.
    pub fn took(&self, method: &str, took: Duration, failed: bool) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.0.entry(method.to_owned()).or_default().add(took, failed);
        let now = clock::monotonic_ms();
        if now - counts.1 >= EVERY_MS {
            counts.1 = now;
            self.write(&counts.0);
        }
    }

    /// Renamed into place, so that whoever reads sees it whole. Not synced: a power cut may cost the counts of today.
    fn write(&self, counts: &ByMethod) {
        let new = self.path.with_extension("requests-new");
        let written = serde_json::to_vec(counts).map_err(std::io::Error::other).and_then(|bytes| {
            fs::write(&new, bytes)?;
            fs::rename(&new, &self.path)
        });
        if let Err(error) = written {
            tracing::debug!(%error, "the counts of requests cannot be written");
        }
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&counts.0);
    }
}

/// What was counted so far; nothing where that cannot be read.
pub fn read(home: &Home) -> ByMethod {
    let bytes = fs::read(home.requests()).unwrap_or_default();
    let mut counts: ByMethod = serde_json::from_slice(&bytes).unwrap_or_default();
    // Of a release with other bounds nothing can be told.
    counts.retain(|_, requests| requests.buckets.len() == REQUESTS.len() + 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outlive_their_process_and_a_damaged_file_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let first = Responses::open(&home);
        first.took("sendMessage", Duration::from_millis(30), false);
        drop(first);
        let next = Responses::open(&home);
        next.took("sendMessage", Duration::from_secs(90), true);
        drop(next);
        let found = read(&home);
        let requests = &found["sendMessage"];
        assert_eq!((requests.buckets[2], requests.buckets[REQUESTS.len()]), (1, 1), "{requests:?}");
        assert_eq!((requests.sum_ms, requests.failed), (90_030, 1));
        fs::write(home.requests(), "{\"sendMessage\": {\"buckets\": [1], \"sum_ms\": 1, \"failed\": 0}}").unwrap();
        assert!(read(&home).is_empty(), "other bounds");
        fs::write(home.requests(), "not JSON").unwrap();
        assert!(read(&home).is_empty());
    }
}
