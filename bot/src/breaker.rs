//! The breaker of Telegram, as the bot keeps it: what each call told, and what may be sent now. The rule is decided in
//! `agentlab_domain::circuit`, its rows are `agentlab_platform::db::circuit`.
//!
//! While it is open one delivery every half minute is the *probe* and everything else waits; polls go on, since taking in
//! costs nobody anything. Where nothing is owed a poll that is answered is the probe.

use std::cell::Cell;

use agentlab_domain::circuit::{self, Admission, Caller, Calls, Circuit, Service, State};
use agentlab_platform::{
    clock,
    db::{
        DbError,
        circuit::{Heard, times},
    },
    life::Life,
};

/// An answer to a delivery that took longer than this counts as a failed call, in milliseconds.
const SLOW_MS: i64 = 5_000;

/// What the bot knows of Telegram's circuit; no other process changes it.
#[derive(Debug)]
pub(crate) struct Breaker {
    circuit: Cell<Circuit>,
    /// A delivery is in flight as the probe.
    probing: Cell<bool>,
    /// When a call failed last, on the monotonic clock.
    failed_at: Cell<Option<i64>>,
}

impl Breaker {
    /// The circuit as the bot before this one left it; its probe died with it.
    pub(crate) async fn of(life: &Life) -> Self {
        let breaker = Self { circuit: Cell::default(), probing: Cell::new(false), failed_at: Cell::new(None) };
        breaker.look(life).await;
        breaker
    }

    /// Whether a delivery may begin now.
    pub(crate) fn admission(&self) -> Admission {
        circuit::admit(self.circuit.get(), !self.probing.get(), clock::now_ms(), times())
    }

    /// Whether something may be sent that nobody is owed.
    pub(crate) fn is_closed(&self) -> bool {
        self.circuit.get().state == State::Closed
    }

    /// How many times as long an answer may take.
    pub(crate) fn patience(&self) -> u32 {
        if self.is_closed() { 1 } else { 3 }
    }

    /// The next delivery is the probe.
    pub(crate) async fn probe(&self, life: &Life) -> Result<(), DbError> {
        self.circuit.set(life.db.probe_telegram().await?);
        self.probing.set(true);
        Ok(())
    }

    /// The probe has landed, with a verdict or without.
    pub(crate) fn landed(&self) {
        self.probing.set(false);
    }

    /// What a delivery tells: it failed, or it was answered after `took_ms`.
    pub(crate) fn delivered(&self, failed: bool, took_ms: i64, caller: Caller) -> Heard {
        let slow = took_ms > clock::scaled_ms(SLOW_MS);
        Heard { calls: if failed || slow { self.failure() } else { Calls::ANSWERED }, caller }
    }

    /// Looks at the row: of deliveries that are noted side by side the last one to tell need not be the newest.
    pub(crate) async fn look(&self, life: &Life) {
        match life.db.circuit(Service::Telegram).await {
            Ok(circuit) => self.circuit.set(circuit),
            Err(error) => tracing::warn!(%error, "the circuit cannot be read; I go by what I know"),
        }
    }

    /// What a poll tells; true when the circuit closed by it. A poll that was answered while nothing is wrong leaves no row.
    pub(crate) async fn polled(&self, life: &Life, failed: bool) -> Result<bool, DbError> {
        let heard = match (self.is_closed(), failed) {
            (true, true) => Heard { calls: self.failure(), caller: Caller::Other },
            (true, false) if self.failed_lately() => Heard { calls: Calls::ANSWERED, caller: Caller::Other },
            (false, false) if self.admission() == Admission::Probe && !owes(life).await? => {
                Heard { calls: Calls::ANSWERED, caller: Caller::Probe }
            }
            (true | false, false) | (false, true) => return Ok(false),
        };
        let before = self.circuit.get();
        self.circuit.set(life.db.heard(Service::Telegram, heard).await?);
        Ok(before.state != State::Closed && self.is_closed())
    }

    fn failure(&self) -> Calls {
        self.failed_at.set(Some(clock::monotonic_ms()));
        Calls::FAILED
    }

    fn failed_lately(&self) -> bool {
        self.failed_at.get().is_some_and(|at| clock::monotonic_ms() - at <= times().window)
    }
}

/// Whether a delivery waits that could be the probe.
async fn owes(life: &Life) -> Result<bool, DbError> {
    Ok(life.db.due().await?.iter().any(|due| due.owed))
}
