//! Holds: what keeps every new run from beginning, until a time. The account's usage limit and a missing login meet every
//! task alike, so one run that met them speaks for all; runs that live go on.

use agentlab_domain::{
    chat::Place,
    retry::{LONGEST_PARK_MS, ParkedFor},
};

use sqlx::SqliteConnection;

use super::{DbError, Write, said};
use crate::{calendar, clock};

/// Holds everything until `until` (Unix milliseconds), and tells every place whose tasks wait, once until it is lifted. The
/// place of `met_by`, the task that met it, hears it by its own message.
pub(super) async fn set(write: &mut Write, cause: ParkedFor, until: i64, met_by: &str) -> Result<(), DbError> {
    let cause = match cause {
        ParkedFor::UsageLimit | ParkedFor::Login => cause.as_str(),
        ParkedFor::Budget | ParkedFor::Unavailable | ParkedFor::CannotTell => return Ok(()),
    };
    let now = clock::now_ms();
    sqlx::query(
        "INSERT INTO hold (cause, until, since) VALUES (?1, ?2, ?3)
         ON CONFLICT (cause) DO UPDATE SET until = excluded.until",
    )
    .bind(cause)
    .bind(until)
    .bind(now)
    .execute(&mut **write)
    .await?;
    let (since, until): (i64, i64) =
        sqlx::query_as("SELECT since, until FROM hold WHERE cause = ?1").bind(cause).fetch_one(&mut **write).await?;
    let words = words(cause, until, now);
    let told: Option<(Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT chat, topic FROM job WHERE id = ?1").bind(met_by).fetch_optional(&mut **write).await?;
    for place in said::waiting_places(write).await? {
        let key = key(cause, since, place);
        if told == Some((Some(place.chat), place.topic)) {
            said::first(write, &key).await?;
        } else {
            said::once(write, &key, place, &words).await?;
        }
    }
    Ok(())
}

/// A run that began at `began` went well: what held before that is over.
pub(super) async fn lift(write: &mut Write, began: i64) -> Result<(), DbError> {
    sqlx::query("DELETE FROM hold WHERE since <= ?1").bind(began).execute(&mut **write).await?;
    Ok(())
}

/// What began to hold after `now` was written under a clock that was ahead: it is tried again.
pub(super) async fn lift_after(write: &mut Write, now: i64) -> Result<(), DbError> {
    sqlx::query("DELETE FROM hold WHERE since > ?1").bind(now).execute(&mut **write).await?;
    Ok(())
}

/// What holds everything now: its cause, since when and until when.
async fn present(connection: &mut SqliteConnection) -> Result<Option<(String, i64, i64)>, DbError> {
    Ok(sqlx::query_as(
        "SELECT cause, since, until FROM hold WHERE until > ?1 AND until <= ?2 ORDER BY until DESC LIMIT 1",
    )
    .bind(clock::now_ms())
    .bind(clock::now_ms() + LONGEST_PARK_MS)
    .fetch_optional(connection)
    .await?)
}

/// Tells a place whose task was just accepted what it waits for, unless it knows.
pub(super) async fn tell(write: &mut Write, place: Place) -> Result<(), DbError> {
    let Some((cause, since, until)) = present(write).await? else { return Ok(()) };
    said::once(write, &key(&cause, since, place), place, &words(&cause, until, clock::now_ms())).await
}

fn key(cause: &str, since: i64, place: Place) -> String {
    format!("hold:{cause}:{since}:{}:{}", place.chat, place.topic.unwrap_or_default())
}

fn words(cause: &str, until: i64, now: i64) -> String {
    let why = if cause == "login" {
        "Claude is not logged in on the machine (run `claude` there and type /login)"
    } else {
        "The usage limit of the Claude account is reached"
    };
    format!("{why}: waiting tasks go on at {}.", calendar::clock_time(until, now))
}

impl super::Db {
    /// What keeps every new run from beginning, in words.
    pub async fn held(&self) -> Result<Option<String>, DbError> {
        let mut connection = self.read().acquire().await?;
        let held = present(&mut connection).await?;
        Ok(held.map(|(cause, _, until)| words(&cause, until, clock::now_ms())))
    }

    /// At the start of a system: what the configuration or a person may have changed meanwhile (limits, the login, the
    /// account) is tried again. At worst one call is refused once more.
    pub async fn look_again(&self) -> Result<(), DbError> {
        let mut write = self.begin(super::Durability::Normal).await?;
        super::wall::account(&mut write).await?;
        super::budget::look_again(&mut write).await?;
        lift(&mut write, i64::MAX).await?;
        sqlx::query(
            "UPDATE job SET run_at = 0
             WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') AND state = 'parked'
               AND parked_for IN ('login', 'usage_limit')",
        )
        .execute(&mut *write)
        .await?;
        write.commit().await
    }
}
