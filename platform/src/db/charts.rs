//! What happened hour by hour and day by day, in numbers that people look at. What they come to in a week or a month is a report
//! (`super::report`).

use agentlab_domain::job::State;
use serde::Serialize;

use super::{Db, DbError, budget::MONEY};
use crate::{calendar, clock};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Hours of the chart of tasks, and days of the chart of money.
const HOURS: i64 = 48;
const DAYS: i64 = 30;

/// Tasks that ended within one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Hour {
    /// When it began, Unix milliseconds.
    pub from: i64,
    pub done: i64,
    pub failed: i64,
}

/// Money of one day of the machine's time zone.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Day {
    /// `2026-11-22`.
    pub day: String,
    pub usd: f64,
}

impl Db {
    /// The last 48 hours, the oldest first; each is there, also when nothing ended in it.
    pub async fn hours(&self) -> Result<Vec<Hour>, DbError> {
        let first = (clock::now_ms() / HOUR_MS - HOURS + 1) * HOUR_MS;
        let found: Vec<Hour> = sqlx::query_as(
            "SELECT ended_at / ?2 * ?2 AS \"from\", COUNT(*) FILTER (WHERE state = ?3) AS done,
                    COUNT(*) FILTER (WHERE state IN (?4, ?5)) AS failed
             FROM job WHERE ended_at >= ?1 GROUP BY 1",
        )
        .bind(first)
        .bind(HOUR_MS)
        .bind(State::Done.as_str())
        .bind(State::Failed.as_str())
        .bind(State::Poison.as_str())
        .fetch_all(self.read())
        .await?;
        let hour = |n| {
            let from = first + n * HOUR_MS;
            found.iter().copied().find(|hour| hour.from == from).unwrap_or(Hour { from, ..Hour::default() })
        };
        Ok((0..HOURS).map(hour).collect())
    }

    /// What each of the last thirty days cost, the oldest first.
    pub async fn days(&self) -> Result<Vec<Day>, DbError> {
        let mut days: Vec<Day> = Vec::new();
        let mut at = calendar::period(clock::now_ms()).day_from;
        for _ in 0..DAYS {
            let period = calendar::period(at);
            let micro: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                "SELECT COALESCE(SUM(COALESCE(settled_micro_usd, reserved_micro_usd)), 0)
                 FROM {MONEY} WHERE reserved_at >= ?1 AND reserved_at < ?2"
            )))
            .bind(period.day_from)
            .bind(period.day_until)
            .fetch_one(self.read())
            .await?;
            days.push(Day { day: period.day, usd: usd(micro) });
            // The middle of the day before it, whatever the clocks of the zone do.
            at = calendar::period(period.day_from - DAY_MS / 2).day_from;
        }
        days.reverse();
        Ok(days)
    }
}

#[expect(clippy::cast_precision_loss, reason = "money of people, far below 2^53 millionths")]
fn usd(micro: i64) -> f64 {
    micro as f64 / 1_000_000.0
}
