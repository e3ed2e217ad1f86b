//! What people hear of an outage: each chat that has a task waiting hears of it once, by a row in `said` that is written in
//! the same transaction as the message. An *outage* lasts from the opening of the circuit to its closing, however many
//! probes fail in between.

use agentlab_domain::{
    chat::Place,
    circuit::{self, Circuit, Service, State},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Db, DbError, Write,
    circuit::{load, may_begin},
    said,
};
use crate::clock;

/// A service that is out of order, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutageView {
    pub id: &'static str,
    pub state: &'static str,
    /// Unix milliseconds.
    pub since: i64,
    pub until: i64,
    /// Whether it keeps new work waiting now; else the next call finds out.
    pub holds: bool,
    pub words: String,
}

impl Db {
    /// The services that are held to be out of order.
    pub async fn outages(&self) -> Result<Vec<OutageView>, DbError> {
        let mut outages = Vec::new();
        for service in Service::ALL {
            let (circuit, now) = (self.circuit(service).await?, clock::now_ms());
            outages.extend(circuit::words(service, circuit, now).map(|words| OutageView {
                id: service.as_str(),
                state: circuit.state.as_str(),
                since: circuit.since,
                until: circuit.until,
                holds: circuit.state == State::Probing || circuit.until > now,
                words,
            }));
        }
        Ok(outages)
    }
}

/// A circuit has changed: an outage that begins is told, one that is over needs no more to be remembered.
pub(super) async fn changed(write: &mut Write, service: Service, circuit: Circuit) -> Result<(), DbError> {
    match (service, circuit.state) {
        // Nobody can be told through what is out of order.
        (Service::Telegram, _) => {}
        (Service::Claude, State::Open | State::Probing) => tell(write).await?,
        (Service::Claude, State::Closed) => {
            sqlx::query("DELETE FROM said WHERE key GLOB 'circuit:claude:*'").execute(&mut **write).await?;
        }
    }
    Ok(())
}

/// Tells every chat that has a task waiting and has not heard of this outage; does nothing while a task may begin, be it
/// as the probe.
pub(super) async fn tell(write: &mut Write) -> Result<(), DbError> {
    if may_begin(write).await? {
        return Ok(());
    }
    let circuit = load(&mut **write, Service::Claude).await?;
    let now = clock::now_ms();
    let places: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT DISTINCT chat, topic FROM job
         WHERE channel = 'telegram' AND chat IS NOT NULL
           AND state NOT IN ('done', 'failed', 'cancelled', 'poison')
           AND (state IN ('queued', 'retrying') OR (state = 'parked' AND run_at <= ?1))",
    )
    .bind(now)
    .fetch_all(&mut **write)
    .await?;
    for (chat, topic) in places {
        let key = format!("circuit:claude:{}:{chat}:{}", circuit.since, topic.unwrap_or_default());
        said::once(write, &key, Place { chat, topic }, circuit::NOTICE).await?;
    }
    Ok(())
}
