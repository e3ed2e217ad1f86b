//! The *stock*: what is there at this moment, as numbers that go up and down. What only grows is in `tally`.

use agentlab_domain::{
    circuit::{self, Service},
    job::State,
};

use super::{Db, DbError, budget::Spending, uptime::Uptime};
use crate::clock;

/// Tasks or messages in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub state: String,
    pub count: i64,
    /// How long the oldest of them has been there, in milliseconds; `None` where there is none.
    pub oldest_ms: Option<i64>,
}

/// What is there now.
#[derive(Debug, Clone, PartialEq)]
pub struct Stock {
    /// Tasks that have not ended, by state: every state is there.
    pub tasks: Vec<Waiting>,
    /// Tasks that a free worker could take now.
    pub claimable: i64,
    /// Messages that are owed and have not arrived, by state.
    pub messages: Vec<Waiting>,
    pub spending: Spending,
    pub circuits: Vec<(Service, circuit::State)>,
    pub uptime: Uptime,
    pub workers_wanted: u32,
    pub suspect: bool,
}

/// The states in which a message may be owed.
const OWED: [&str; 3] = ["pending", "sending", "given_up"];

impl Db {
    /// Looks at what is there; so many workers are configured.
    pub async fn stock(&self, configured: u32) -> Result<Stock, DbError> {
        let tasks: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT state, COUNT(*), MIN(accepted_at) FROM job
             WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') GROUP BY state",
        )
        .fetch_all(self.read())
        .await?;
        let messages: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT state, COUNT(*), MIN(created_at) FROM outbox WHERE owed = 1 AND state <> 'delivered' GROUP BY state",
        )
        .fetch_all(self.read())
        .await?;
        let live = State::ALL.into_iter().filter(|state| !state.is_ended());
        let mut circuits = Vec::new();
        for service in Service::ALL {
            circuits.push((service, self.circuit(service).await?.state));
        }
        Ok(Stock {
            tasks: live.map(|state| waiting(state.as_str(), &tasks)).collect(),
            claimable: self.claimable().await?,
            messages: OWED.into_iter().map(|state| waiting(state, &messages)).collect(),
            spending: self.spending().await?,
            circuits,
            uptime: self.uptime().await?,
            workers_wanted: self.workers_wanted(configured).await?,
            suspect: self.suspicion().await?.is_some(),
        })
    }
}

fn waiting(state: &str, found: &[(String, i64, i64)]) -> Waiting {
    let row = found.iter().find(|(own, _, _)| own == state);
    let age = |since: i64| (clock::now_ms() - since).max(0);
    Waiting {
        state: state.to_owned(),
        count: row.map_or(0, |(_, count, _)| *count),
        oldest_ms: row.map(|(_, _, since)| age(*since)),
    }
}
