//! Counting rows. To *measure* is to count all that are there, or those alone that are about to be deleted: one statement a table
//! serves both, so that what was folded is what would have been counted.

use agentlab_domain::{histogram, job::State, role::Post, role::Role};
use sqlx::{AssertSqlSafe, FromRow, SqliteConnection};

use super::{
    Db, DbError, Write,
    tally::{self, Going, Tallies, names},
};

/// Rows of one table: their condition, with what is bound to it as `?1`.
#[derive(Debug, Clone)]
struct Only {
    condition: &'static str,
    bound: Option<String>,
}

const ALL: Only = Only { condition: "1", bound: None };

impl Db {
    /// All that is counted, of rows that are there and of rows that are gone, as of one moment.
    pub async fn tallies(&self) -> Result<Tallies, DbError> {
        let mut reading = self.read().begin().await?;
        let mut tallies = tally::folded(&mut reading).await?;
        tasks(&mut reading, &ALL, &mut tallies).await?;
        runs(&mut reading, &ALL, &mut tallies).await?;
        spent(&mut reading, &ALL, &mut tallies).await?;
        messages(&mut reading, &ALL, &mut tallies).await?;
        updates(&mut reading, &ALL, &mut tallies).await?;
        crashes(&mut reading, &ALL, &mut tallies).await?;
        recoveries(&mut reading, &ALL, &mut tallies).await?;
        alerts(&mut reading, &ALL, &mut tallies).await?;
        hours(&mut reading, &ALL, &mut tallies).await?;
        reading.rollback().await?;
        Ok(tallies)
    }
}

/// What is counted of rows that are about to be deleted.
pub(super) async fn going(write: &mut Write, going: Going<'_>) -> Result<Tallies, DbError> {
    let mut found = Tallies::default();
    let only = |condition, bound| Only { condition, bound: Some(bound) };
    match going {
        Going::Tasks(ids) => {
            let ids = serde_json::to_string(ids)?;
            let own = "job_id IN (SELECT value FROM json_each(?1))";
            tasks(write, &only("id IN (SELECT value FROM json_each(?1))", ids.clone()), &mut found).await?;
            runs(write, &only(own, ids.clone()), &mut found).await?;
            messages(write, &only(own, ids.clone()), &mut found).await?;
            let theirs = "run_id IN (SELECT id FROM run WHERE job_id IN (SELECT value FROM json_each(?1)))";
            spent(write, &only(theirs, ids), &mut found).await?;
        }
        Going::Messages(ids) => {
            let these = "job_id IS NULL AND id IN (SELECT value FROM json_each(?1))";
            messages(write, &only(these, serde_json::to_string(ids)?), &mut found).await?;
        }
        Going::Updates(keys) => {
            let these = "(bot_id, update_id) IN (
                SELECT CAST(substr(value, 1, instr(value, ':') - 1) AS INTEGER),
                       CAST(substr(value, instr(value, ':') + 1) AS INTEGER) FROM json_each(?1))";
            updates(write, &only(these, serde_json::to_string(keys)?), &mut found).await?;
        }
        Going::Crashes(ids) => {
            crashes(write, &only("id IN (SELECT value FROM json_each(?1))", serde_json::to_string(ids)?), &mut found)
                .await?;
        }
        Going::Recoveries(ids) => {
            let these = "id IN (SELECT value FROM json_each(?1))";
            recoveries(write, &only(these, serde_json::to_string(ids)?), &mut found).await?;
        }
        Going::Alerts(ids) => {
            let these = "id IN (SELECT value FROM json_each(?1))";
            alerts(write, &only(these, serde_json::to_string(ids)?), &mut found).await?;
        }
        Going::Hours(hours_gone) => {
            let these = "hour IN (SELECT value FROM json_each(?1))";
            hours(write, &only(these, serde_json::to_string(hours_gone)?), &mut found).await?;
        }
    }
    Ok(found)
}

/// The bound of the bucket into which a value falls; -1 beyond all of them, NULL where there is no value.
fn bucket(value: &str, bounds: &[i64]) -> String {
    let whens: Vec<String> = bounds.iter().map(|bound| format!("WHEN {value} <= {bound} THEN {bound}")).collect();
    format!("CASE WHEN {value} IS NULL THEN NULL {} ELSE -1 END", whens.join(" "))
}

fn bound(bucket: i64) -> Option<i64> {
    (bucket >= 0).then_some(bucket)
}

async fn rows<T>(connection: &mut SqliteConnection, statement: String, only: &Only) -> Result<Vec<T>, DbError>
where
    T: for<'r> FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
{
    let query = sqlx::query_as(AssertSqlSafe(statement));
    let query = match &only.bound {
        Some(bound) => query.bind(bound),
        None => query,
    };
    Ok(query.fetch_all(connection).await?)
}

async fn tasks(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement = format!(
        "SELECT channel, state, {}, COUNT(*), COALESCE(SUM(MAX(0, ended_at - accepted_at)), 0) FROM job WHERE {} GROUP BY 1, 2, 3",
        bucket("(ended_at - accepted_at)", &histogram::WAITS),
        only.condition
    );
    for (channel, state, took, count, sum) in
        rows::<(String, String, Option<i64>, i64, i64)>(connection, statement, only).await?
    {
        found.add(names::TASKS_ACCEPTED, &[("channel", &channel)], count);
        if let Some(took) = took {
            found.add(names::TASKS_ENDED, &[("channel", &channel), ("outcome", &state)], count);
            if state == State::Done.as_str() {
                found.add_times(names::ANSWERS, bound(took), count, sum);
            }
        }
    }
    Ok(())
}

/// Runs that are alike: how they ended, whether they were a first one, and into which buckets they fall.
#[derive(FromRow)]
struct Alike {
    outcome: Option<String>,
    again: bool,
    waited: Option<i64>,
    took: Option<i64>,
    count: i64,
    waited_ms: i64,
    took_ms: i64,
    adoptions: i64,
    answered: i64,
    failed: i64,
    api_ms: i64,
    turns: i64,
    read: i64,
    written: i64,
}

async fn runs(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let took = "(ended_at - COALESCE(started_at, claimed_at))";
    let statement = format!(
        "SELECT outcome, attempt > 1 AS again, {} AS waited, {} AS took, COUNT(*) AS count,
                COALESCE(SUM(waited_ms), 0) AS waited_ms, COALESCE(SUM(MAX(0, {took})), 0) AS took_ms,
                SUM(adoptions) AS adoptions, SUM(calls_answered) AS answered, SUM(calls_failed) AS failed,
                COALESCE(SUM(api_ms), 0) AS api_ms, COALESCE(SUM(turns), 0) AS turns,
                COALESCE(SUM(input_tokens), 0) AS read, COALESCE(SUM(output_tokens), 0) AS written
         FROM run WHERE {} GROUP BY 1, 2, 3, 4",
        bucket("waited_ms", &histogram::WAITS),
        bucket(took, &histogram::RUNS),
        only.condition
    );
    for alike in rows::<Alike>(connection, statement, only).await? {
        if let Some(outcome) = &alike.outcome {
            found.add(names::RUNS, &[("outcome", outcome)], alike.count);
        }
        if let Some(took) = alike.took {
            found.add_times(names::RUN_TIMES, bound(took), alike.count, alike.took_ms);
        }
        if let Some(waited) = alike.waited {
            found.add_times(names::PICKUPS, bound(waited), alike.count, alike.waited_ms);
        }
        found.add(names::RETRIES, &[], if alike.again { alike.count } else { 0 });
        found.add(names::ADOPTIONS, &[], alike.adoptions);
        found.add(names::CALLS, &[("result", "answered")], alike.answered);
        found.add(names::CALLS, &[("result", "failed")], alike.failed);
        found.add(names::API_TIME, &[], alike.api_ms);
        found.add(names::TURNS, &[], alike.turns);
        found.add(names::TOKENS, &[("direction", "input")], alike.read);
        found.add(names::TOKENS, &[("direction", "output")], alike.written);
    }
    Ok(())
}

async fn spent(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement = format!("SELECT COALESCE(SUM(settled_micro_usd), 0) FROM spend WHERE {}", only.condition);
    for (micro,) in rows::<(i64,)>(connection, statement, only).await? {
        found.add(names::SPENT, &[], micro);
    }
    Ok(())
}

async fn messages(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement = format!(
        "SELECT kind, COUNT(*) FILTER (WHERE delivered_revision > 0), SUM(given_up) FROM outbox WHERE {} GROUP BY kind",
        only.condition
    );
    for (kind, delivered, given_up) in rows::<(String, i64, i64)>(connection, statement, only).await? {
        found.add(names::DELIVERED, &[("kind", &kind)], delivered);
        found.add(names::GIVEN_UP, &[("kind", &kind)], given_up);
    }
    Ok(())
}

async fn updates(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement =
        format!("SELECT decision, COUNT(*) FROM telegram_update WHERE {} GROUP BY decision", only.condition);
    for (decision, count) in rows::<(String, i64)>(connection, statement, only).await? {
        found.add(names::UPDATES, &[("decision", &decision)], count);
    }
    Ok(())
}

/// What a post is called; that of a later release by its own word.
fn post(role: &str, slot: u32) -> String {
    let known = Role::ALL.into_iter().find(|known| known.as_str() == role);
    known.map_or_else(|| role.to_owned(), |role| Post { role, slot }.to_string())
}

async fn crashes(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement = format!(
        "SELECT role, slot, kind = 'start', COUNT(*) FROM crash WHERE {} GROUP BY role, slot, kind",
        only.condition
    );
    for (role, slot, start, count) in rows::<(String, u32, bool, i64)>(connection, statement, only).await? {
        let name = if start { names::STARTS } else { names::CRASHES };
        found.add(name, &[("process", &post(&role, slot))], count);
    }
    Ok(())
}

async fn recoveries(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement = format!(
        "SELECT role, slot, rung, changed, COUNT(*) FROM recovery WHERE {} GROUP BY role, slot, rung, changed",
        only.condition
    );
    for (role, slot, rung, changed, count) in
        rows::<(String, u32, String, bool, i64)>(connection, statement, only).await?
    {
        let changed = if changed { "yes" } else { "no" };
        let labels = [("process", post(&role, slot)), ("rung", rung), ("changed", changed.to_owned())];
        found.add(names::RECOVERIES, &labels.each_ref().map(|(key, value)| (*key, value.as_str())), count);
    }
    Ok(())
}

async fn alerts(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement =
        format!("SELECT rule, severity, COUNT(*) FROM alert WHERE {} GROUP BY rule, severity", only.condition);
    for (rule, severity, count) in rows::<(String, String, i64)>(connection, statement, only).await? {
        found.add(names::ALERTS, &[("rule", &rule), ("severity", &severity)], count);
    }
    Ok(())
}

async fn hours(connection: &mut SqliteConnection, only: &Only, found: &mut Tallies) -> Result<(), DbError> {
    let statement = format!(
        "SELECT COALESCE(SUM(watched_ms), 0), COALESCE(SUM(served_ms), 0) FROM uptime WHERE {}",
        only.condition
    );
    for (watched, served) in rows::<(i64, i64)>(connection, statement, only).await? {
        found.add(names::WATCHED, &[], watched);
        found.add(names::SERVED, &[], served);
    }
    Ok(())
}
