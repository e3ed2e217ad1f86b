//! The state of the whole system in one look: for `status`, `/status`, `/health` and `/api/status`.

use agentlab_domain::hang::Standing;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Db, DbError, budget::Spending, crash::SuspicionView, outage::OutageView, pause::PauseView, process::ProcessRow,
};
use crate::{clock, identity::Living};

/// How many jobs are in each state, and what is owed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Status {
    pub queued: i64,
    pub running: i64,
    pub retrying: i64,
    pub parked: i64,
    pub waiting: i64,
    /// Those of the parked that an outage alone keeps: one of them is tried soon.
    pub parked_by_outage: i64,
    /// Messages that have not arrived yet.
    pub undelivered: i64,
    /// Messages that were given up.
    pub given_up: i64,
    /// US dollars spent, or set aside by running tasks, today.
    pub spent_today_usd: f64,
    pub spending: Spending,
    /// Nothing new begins, since somebody paused.
    pub paused: Option<PauseView>,
    /// What keeps every new run from beginning.
    pub held: Option<String>,
    pub processes: Vec<ProcessView>,
    /// Services that are out of order: their circuit is not closed.
    pub circuits: Vec<OutageView>,
    /// What this release is suspected of.
    pub suspicion: Option<SuspicionView>,
}

/// A process, and whether it lives.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProcessView {
    pub id: String,
    pub pid: i32,
    pub version: String,
    pub ready: bool,
    pub alive: bool,
    /// It stands still (SIGSTOP).
    pub stopped: bool,
    pub note: Option<String>,
    /// Unix milliseconds.
    pub started_at: i64,
    pub heartbeat: i64,
    pub progress: i64,
}

impl ProcessView {
    /// How it stands, in a word.
    pub const fn state(&self) -> &'static str {
        if self.stopped {
            "stopped"
        } else if self.ready {
            "ready"
        } else if self.alive {
            "starting"
        } else {
            "down"
        }
    }
}

impl From<ProcessRow> for ProcessView {
    fn from(row: ProcessRow) -> Self {
        let identity = row.identity();
        let alive = identity.living() == Living::Yes;
        let stopped = alive && identity.standing() == Standing::Stopped;
        Self {
            stopped,
            id: if row.role == "worker" { format!("worker-{}", row.slot) } else { row.role },
            pid: row.pid,
            version: row.version,
            ready: alive && !stopped && row.ready_at.is_some(),
            alive,
            note: row.note,
            started_at: row.started_at,
            heartbeat: row.heartbeat,
            progress: row.progress,
        }
    }
}

impl Db {
    /// Looks at everything once.
    pub async fn status(&self) -> Result<Status, DbError> {
        let states: Vec<(String, i64)> = sqlx::query_as(
            "SELECT state, COUNT(*) FROM job WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') GROUP BY state",
        )
        .fetch_all(self.read())
        .await?;
        let count = |word: &str| states.iter().find(|(state, _)| state == word).map_or(0, |(_, count)| *count);
        let parked_by_outage = sqlx::query_scalar(
            "SELECT COUNT(*) FROM job
             WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison')
               AND state = 'parked' AND parked_for = 'unavailable' AND run_at <= ?1",
        )
        .bind(clock::now_ms())
        .fetch_one(self.read())
        .await?;
        let (undelivered, given_up): (i64, i64) = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE state <> 'given_up'), COUNT(*) FILTER (WHERE state = 'given_up')
             FROM outbox WHERE owed = 1 AND state <> 'delivered'",
        )
        .fetch_one(self.read())
        .await?;
        let spending = self.spending().await?;
        Ok(Status {
            queued: count("queued"),
            running: count("running"),
            retrying: count("retrying"),
            parked: count("parked"),
            waiting: count("waiting"),
            parked_by_outage,
            undelivered,
            given_up,
            spent_today_usd: spending.today_usd,
            spending,
            paused: self.paused().await?,
            held: self.held().await?,
            processes: self.processes().await?.into_iter().map(ProcessView::from).collect(),
            circuits: self.outages().await?,
            suspicion: self.suspicion().await?,
        })
    }

    /// Telegram ids of strangers who wrote, newest first.
    pub async fn strangers(&self) -> Result<Vec<String>, DbError> {
        Ok(sqlx::query_scalar("SELECT actor FROM audit WHERE action = 'stranger' ORDER BY id DESC LIMIT 10")
            .fetch_all(self.read())
            .await?)
    }
}
