//! What `/health` answers. Everybody on this machine may read it, so it holds no words of servers and names nobody.

use std::collections::BTreeMap;

use agentlab_domain::room::Verdict;
use agentlab_platform::{alert::book::Entry, backup, detectors::Detectors, disk, home::Home, retention, room};
use serde::Serialize;
use utoipa::ToSchema;

/// How the system is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`; `degraded`: it serves, and something is wrong; `unavailable`.
    pub(super) status: &'static str,
    /// Seconds since the console began.
    pub(super) uptime: i64,
    pub(super) active_tasks: i64,
    pub(super) worker_pool: WorkerPool,
    pub(super) message_queues: Queues,
    /// Processes, by name.
    pub(super) components: BTreeMap<String, Component>,
    /// Services that are out of order, by name.
    pub(super) circuits: BTreeMap<String, Component>,
    /// The loops that look for what is wrong, by process and name.
    #[schema(inline)]
    pub(super) detectors: Detectors,
    pub(super) alerts: Vec<Alert>,
    /// Nothing new begins, since somebody paused: wanted, and so nothing wrong.
    pub(super) paused: Option<Paused>,
    pub(super) backup: Backups,
    /// What this release is suspected of.
    pub(super) suspect: Option<String>,
    pub(super) database: Database,
    pub(super) disk: Disk,
}

/// The disk that holds the home.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Disk {
    /// `ok`; `low`: nothing new is taken until there is more room, and what runs goes on.
    state: &'static str,
    /// Bytes that may still be used.
    free: Option<u64>,
    /// Below so many nothing new is taken.
    floor: Option<u64>,
    /// Files that may still be made; null where the file system does not count them.
    files: Option<u64>,
    /// When what is older than its age was removed last, Unix milliseconds.
    pruned_at: Option<i64>,
}

impl Disk {
    pub(super) fn of(home: &Home, floor_mb: Option<u64>) -> Self {
        let room = disk::room(home.path());
        let state = match room::look(home, floor_mb) {
            Verdict::Enough => "ok",
            Verdict::Low(_) => "low",
        };
        Self {
            state,
            free: room.map(|room| room.free),
            floor: room.map(|room| agentlab_domain::room::floor(floor_mb, room.all)),
            files: room.and_then(|room| room.files).map(|files| files.free),
            pruned_at: retention::last(home).map(|pass| pass.at),
        }
    }

    pub(super) fn is_low(&self) -> bool {
        self.state == "low"
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerPool {
    pub(super) wanted: u32,
    pub(super) ready: usize,
}

/// How many tasks are in each state, and messages on their way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Queues {
    pub(super) queued: i64,
    pub(super) retrying: i64,
    pub(super) parked: i64,
    pub(super) waiting: i64,
    pub(super) undelivered: i64,
}

/// A process or a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Component {
    pub(super) state: &'static str,
    pub(super) note: Option<String>,
}

/// An alert that fires.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alert {
    rule: String,
    severity: String,
    words: String,
    /// Unix milliseconds.
    began: i64,
    /// For how long, in words.
    lasts: Option<String>,
}

impl From<&Entry> for Alert {
    fn from(entry: &Entry) -> Self {
        let Entry { rule, severity, words, began, .. } = entry.clone();
        Self { rule, severity, words, began, lasts: entry.lasts() }
    }
}

/// A pause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paused {
    /// Unix milliseconds.
    pub(super) since: i64,
    /// Null: until somebody resumes.
    pub(super) until: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Database {
    /// `ok`; `locked`: a stranger keeps it, so nothing is written until he lets go; `cannot be written`: its journal cannot be;
    /// `cannot be read`: what is told is as old as the last look.
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// The backups, by their files alone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Backups {
    count: usize,
    /// The name of the newest.
    newest: Option<String>,
    /// Its age in seconds.
    age_s: Option<i64>,
    /// When it was last found sound, Unix milliseconds.
    verified_at: Option<i64>,
    /// When the last attempt failed, if it did. Why says `agentlab backup list`, to its user alone.
    failed_at: Option<i64>,
    /// Since when backups are not copied to the second folder, Unix milliseconds; null where they are, or none is wanted.
    uncopied_since: Option<i64>,
}

impl Backups {
    pub(super) fn of(home: &Home) -> Self {
        let all = backup::all(home);
        let newest = all.first();
        Self {
            count: all.len(),
            newest: newest.map(|newest| newest.name.clone()),
            age_s: newest.map(|newest| newest.age_ms() / 1000),
            verified_at: newest.map(|newest| newest.verified_at),
            failed_at: backup::failure(home).map(|failure| failure.at),
            uncopied_since: backup::uncopied(home).map(|failure| failure.at),
        }
    }
}
