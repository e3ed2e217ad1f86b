//! Circuit breakers in rows: the calls that were counted, and where each circuit stands after them, in one transaction. What
//! the calls mean is decided in `agentlab_domain::circuit`. A circuit without a row is closed.

use agentlab_domain::circuit::{self, Admission, Caller, Calls, Circuit, Service, State, TIMES, Times};
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{Db, DbError, Durability, Write, outage};
use crate::clock;

/// Calls are kept for this long, for people who look; what decides is much younger.
const KEEP_MS: i64 = 600_000;

/// What one transaction has heard of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub calls: Calls,
    pub caller: Caller,
}

impl Heard {
    /// No call was made.
    pub const NOTHING: Self = Self { calls: Calls { answered: 0, failed: 0 }, caller: Caller::Other };
}

/// The times of the rule, shortened where tests shorten time.
pub fn times() -> Times {
    Times {
        window: clock::scaled_ms(TIMES.window),
        pause: clock::scaled_ms(TIMES.pause),
        patience: clock::scaled_ms(TIMES.patience),
    }
}

impl Db {
    /// Where the circuit of this service stands.
    pub async fn circuit(&self, service: Service) -> Result<Circuit, DbError> {
        load(self.read(), service).await
    }

    /// Counts calls that no other transaction tells of.
    pub async fn heard(&self, service: Service, heard: Heard) -> Result<Circuit, DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        let now = clock::now_ms();
        let circuit = count(&mut write, service, heard, now, now).await?;
        write.commit().await?;
        Ok(circuit)
    }

    /// Notes that one message tries whether Telegram is back.
    pub async fn probe_telegram(&self) -> Result<Circuit, DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        let circuit = load(&mut *write, Service::Telegram).await?;
        let circuit = circuit::probing(circuit, clock::now_ms(), times());
        store(&mut write, Service::Telegram, circuit, None).await?;
        write.commit().await?;
        Ok(circuit)
    }

    /// Whether a new run may begin now, as far as a look can tell: idle workers must not write while they may not.
    pub(super) async fn may_begin(&self) -> Result<bool, DbError> {
        may_begin(&mut *self.read().acquire().await?).await
    }

    /// When the next run may try whether Claude is back (Unix milliseconds); `None` where nothing is waited for.
    pub async fn next_probe_at(&self) -> Result<Option<i64>, DbError> {
        let circuit = self.circuit(Service::Claude).await?;
        Ok((circuit.state != State::Closed && circuit.until > clock::now_ms()).then_some(circuit.until))
    }
}

/// Whether a new run may begin now.
pub(super) async fn may_begin(connection: &mut SqliteConnection) -> Result<bool, DbError> {
    let circuit = load(&mut *connection, Service::Claude).await?;
    if circuit.state == State::Closed {
        return Ok(true);
    }
    let over = probe_over(&mut *connection).await?;
    Ok(match circuit::admit(circuit, over, clock::now_ms(), times()) {
        Admission::Go | Admission::Probe => true,
        Admission::Wait { .. } => false,
    })
}

/// Lets this new run begin, perhaps as the probe; false when no new run may.
pub(super) async fn admit(write: &mut Write, run_id: &str) -> Result<bool, DbError> {
    let circuit = load(&mut **write, Service::Claude).await?;
    let (now, over) = (clock::now_ms(), probe_over(&mut **write).await?);
    match circuit::admit(circuit, over, now, times()) {
        Admission::Go => Ok(true),
        Admission::Wait { .. } => Ok(false),
        Admission::Probe => {
            tracing::info!(run.id = run_id, "this run tries whether Claude is back");
            store(write, Service::Claude, circuit::probing(circuit, now, times()), Some(run_id)).await?;
            Ok(true)
        }
    }
}

/// Counts what is new of a run's calls of Claude, made at `at` at the latest. True when the circuit changed.
///
/// `calls` are all calls of the run: whoever follows it from its first byte again counts nothing twice.
pub(super) async fn count_run(write: &mut Write, run_id: &str, calls: Calls, at: i64) -> Result<bool, DbError> {
    let known: Option<(u32, u32, bool)> = sqlx::query_as(
        "SELECT calls_answered, calls_failed, EXISTS (SELECT 1 FROM circuit WHERE service = 'claude' AND probe = ?1)
         FROM run WHERE id = ?1",
    )
    .bind(run_id)
    .fetch_optional(&mut **write)
    .await?;
    let Some((answered, failed, probe)) = known else { return Ok(false) };
    let new = calls.beyond(Calls { answered, failed });
    if new.is_none() {
        return Ok(false);
    }
    sqlx::query("UPDATE run SET calls_answered = calls_answered + ?2, calls_failed = calls_failed + ?3 WHERE id = ?1")
        .bind(run_id)
        .bind(new.answered)
        .bind(new.failed)
        .execute(&mut **write)
        .await?;
    let caller = if probe { Caller::Probe } else { Caller::Other };
    let before = load(&mut **write, Service::Claude).await?;
    let after = count(write, Service::Claude, Heard { calls: new, caller }, at, clock::now_ms()).await?;
    Ok(before.state != after.state)
}

/// The run that tried met the outage, and no call of it was counted. Nobody knows more than before: the next one tries after
/// the pause, not at once.
pub(super) async fn probe_ended(write: &mut Write, run_id: &str) -> Result<(), DbError> {
    sqlx::query(
        "UPDATE circuit SET state = 'open', until = ?2, probe = NULL
         WHERE service = 'claude' AND state = 'probing' AND probe = ?1",
    )
    .bind(run_id)
    .bind(clock::now_ms() + times().pause)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Counts calls and stores where the circuit stands after them.
pub(super) async fn count(
    write: &mut Write,
    service: Service,
    heard: Heard,
    at: i64,
    now: i64,
) -> Result<Circuit, DbError> {
    let before = load(&mut **write, service).await?;
    if heard.calls.is_none() {
        return Ok(before);
    }
    // What lies in the future was written before the clock was set back.
    sqlx::query("DELETE FROM call WHERE service = ?1 AND (at < ?2 OR at > ?3)")
        .bind(service.as_str())
        .bind(now - KEEP_MS)
        .bind(now)
        .execute(&mut **write)
        .await?;
    sqlx::query("INSERT INTO call (service, at, answered, failed) VALUES (?1, ?2, ?3, ?4)")
        .bind(service.as_str())
        .bind(at)
        .bind(heard.calls.answered)
        .bind(heard.calls.failed)
        .execute(&mut **write)
        .await?;
    let (answered, failed) = sqlx::query_as(
        "SELECT COALESCE(SUM(answered), 0), COALESCE(SUM(failed), 0) FROM call
         WHERE service = ?1 AND at > ?2 AND at <= ?3",
    )
    .bind(service.as_str())
    .bind(circuit::counts_from(before, now, times()))
    .bind(now)
    .fetch_one(&mut **write)
    .await?;
    let window = Calls { answered, failed };
    let after = circuit::after_calls(before, heard.caller, heard.calls, window, now, times());
    if after != before {
        tracing::warn!(service = service.as_str(), answered, failed, "the circuit is {}", after.state.as_str());
        keep_probe(write, service, after).await?;
        outage::changed(write, service, after).await?;
    }
    Ok(after)
}

/// Reads a circuit; a state of a later release reads as closed.
pub(super) async fn load(from: impl SqliteExecutor<'_>, service: Service) -> Result<Circuit, DbError> {
    let row: Option<(String, i64, i64)> = sqlx::query_as("SELECT state, until, since FROM circuit WHERE service = ?1")
        .bind(service.as_str())
        .fetch_optional(from)
        .await?;
    let known =
        |(state, until, since): (String, i64, i64)| Some(Circuit { state: State::parse(&state)?, until, since });
    Ok(row.and_then(known).unwrap_or_default())
}

/// Whether no run that tries lives.
async fn probe_over(from: impl SqliteExecutor<'_>) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM circuit JOIN run ON run.id = circuit.probe
                            WHERE circuit.service = 'claude' AND run.state <> 'over')",
    )
    .fetch_one(from)
    .await?)
}

/// Stores a circuit and leaves the probe: its late answer still counts as one.
async fn keep_probe(write: &mut Write, service: Service, circuit: Circuit) -> Result<(), DbError> {
    let probe: Option<String> =
        sqlx::query_scalar("SELECT probe FROM circuit WHERE service = ?1 AND probe IS NOT NULL")
            .bind(service.as_str())
            .fetch_optional(&mut **write)
            .await?;
    let probe = probe.filter(|_| circuit.state != State::Closed);
    store(write, service, circuit, probe.as_deref()).await
}

async fn store(write: &mut Write, service: Service, circuit: Circuit, probe: Option<&str>) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO circuit (service, state, until, since, probe) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (service) DO UPDATE SET state = ?2, until = ?3, since = ?4, probe = ?5",
    )
    .bind(service.as_str())
    .bind(circuit.state.as_str())
    .bind(circuit.until)
    .bind(circuit.since)
    .bind(probe)
    .execute(&mut **write)
    .await?;
    Ok(())
}
