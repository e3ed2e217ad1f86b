//! Health from one look at the rows. *Missing* is a post that should have a ready process and has none.

mod body;

use agentlab_domain::role::{self, Post, Role};
use agentlab_platform::{
    alert::book,
    clock,
    db::{
        Db, DbError,
        outage::OutageView,
        status::{ProcessView, Status},
    },
    detectors::{self, Detectors},
    home::Home,
    journal,
    life::Life,
    lock, pulse,
};

pub(crate) use body::Health;
use body::{Alert, Backups, Component, Database, Disk, Paused, Queues, WorkerPool};

use crate::problem::Problem;

/// A look that is older than this says that the database could not be read.
const STALE_MS: i64 = 5_000;

/// One look.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    status: Option<Status>,
    error: Option<String>,
    /// How many workers should be there, and whether a bot.
    workers: u32,
    bot: bool,
    floor_mb: Option<u64>,
    /// Monotonic milliseconds.
    at: i64,
    began: i64,
}

impl Look {
    /// Looks now.
    pub(crate) async fn now(life: &Life, db: &Db) -> Self {
        let now = clock::monotonic_ms();
        let (configured, bot) = (life.config.workers.count, life.config.telegram.token.is_some());
        let floor_mb = life.config.disk.floor_mb;
        let look = async {
            db.is_in_place()?;
            Ok::<_, DbError>((db.status().await?, db.workers_wanted(configured).await?))
        };
        match look.await {
            Ok((status, workers)) => {
                Self { status: Some(status), error: None, workers, bot, floor_mb, at: now, began: now }
            }
            Err(error) => Self {
                status: None,
                error: Some(error.to_string()),
                workers: configured,
                bot,
                floor_mb,
                at: now,
                began: now,
            },
        }
    }

    /// Takes a newer look; one that failed leaves the last good status standing, and its age tells.
    pub(crate) fn update(&mut self, newer: Self) {
        match newer.status {
            Some(_) => *self = Self { began: self.began, ..newer },
            None => self.error = newer.error,
        }
    }

    /// Posts without a ready process.
    pub(crate) fn missing(&self) -> Vec<String> {
        let processes: Vec<_> = self.status.iter().flat_map(|status| &status.processes).collect();
        let missing = |post: &String| !processes.iter().any(|process| process.id == *post && process.ready);
        role::posts(self.workers, true, self.bot).iter().map(ToString::to_string).filter(missing).collect()
    }

    /// Whether the system can serve what is configured, and the words for it.
    /// `writer` names a stranger who keeps the database locked.
    pub(crate) fn health(&self, home: &Home, detectors: &Detectors, writer: Option<String>) -> (bool, Health) {
        let missing = self.missing();
        let supervisor = Post { role: Role::Supervisor, slot: 0 };
        let supervised = lock::is_held(&home.post_lock(supervisor)).unwrap_or(true);
        // It knows without the database, for instance who keeps it locked.
        let note = pulse::read(home, supervisor).filter(|_| supervised).and_then(|beat| beat.note);
        let alerts = if supervised { book::firing(home) } else { Vec::new() };
        let disk = Disk::of(home, self.floor_mb);
        let all_well = supervised
            && alerts.is_empty()
            && !disk.is_low()
            && note.is_none()
            && writer.is_none()
            && missing.is_empty()
            && !self.status.iter().flat_map(|status| &status.circuits).any(|outage| outage.holds)
            && detectors::silent(detectors).is_empty();
        let stale = self.is_stale();
        let status = self.status.clone().unwrap_or_default();
        let working =
            status.processes.iter().filter(|process| process.id.starts_with("worker-") && process.ready).count();
        let bot_missing = missing.iter().any(|post| post == "bot");
        // One worker serves; without a bot that was configured, messages are not served.
        let unwritten = journal::in_the_way(home).map(|why| format!("the journal (intake.jsonl): {why}"));
        let ok = !stale && working > 0 && !bot_missing && unwritten.is_none();
        let word = match (ok, all_well) {
            (true, true) => "ok",
            (true, false) => "degraded",
            (false, _) => "unavailable",
        };
        let note_of =
            |process: &ProcessView| if process.id == "supervisor" { note.clone() } else { process.note.clone() };
        let component =
            |process: &ProcessView| (process.id.clone(), Component { state: process.state(), note: note_of(process) });
        // What is out of order outside: the system serves, by keeping.
        let circuit = |outage: &OutageView| {
            (outage.id.to_owned(), Component { state: outage.state, note: Some(outage.words.clone()) })
        };
        let body = Health {
            status: word,
            uptime: (clock::monotonic_ms() - self.began) / 1000,
            active_tasks: status.running,
            worker_pool: WorkerPool { wanted: self.workers, ready: working },
            message_queues: Queues {
                queued: status.queued,
                retrying: status.retrying,
                parked: status.parked,
                waiting: status.waiting,
                undelivered: status.undelivered,
            },
            components: status.processes.iter().map(component).collect(),
            circuits: status.circuits.iter().map(circuit).collect(),
            detectors: detectors.clone(),
            alerts: alerts.iter().map(Alert::from).collect(),
            paused: status.paused.as_ref().map(|paused| Paused { since: paused.since, until: paused.until }),
            backup: Backups::of(home),
            suspect: status.suspicion.as_ref().map(|suspicion| suspicion.words.clone()),
            database: match (stale, unwritten, writer) {
                (true, _, writer) => Database { state: "cannot be read", error: self.error.clone().or(writer) },
                (false, Some(why), _) => Database { state: "cannot be written", error: Some(why) },
                (false, None, Some(writer)) => Database { state: "locked", error: Some(writer) },
                (false, None, None) => Database { state: "ok", error: None },
            },
            disk,
        };
        (ok, body)
    }

    /// Whether what was seen says nothing about now: the last look failed, or none came back for long.
    fn is_stale(&self) -> bool {
        self.error.is_some() || clock::monotonic_ms() - self.at > clock::scaled_ms(STALE_MS)
    }

    /// The whole status, unless it is old.
    pub(crate) fn status(self) -> Result<Status, Problem> {
        let words =
            || format!("the database cannot be read: {}", self.error.as_deref().unwrap_or("it does not answer"));
        let known = self.status.clone().filter(|_| !self.is_stale());
        known.ok_or_else(|| Problem::unavailable(words()))
    }
}
