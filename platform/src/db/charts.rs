//! What happened over days, in numbers that people look at. A *success* is a task that ended as done; one that its owner cancelled is
//! neither a success nor a failure.

use agentlab_domain::job::State;
use serde::Serialize;

use super::{Db, DbError};
use crate::{calendar, clock};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Hours of the chart of tasks, and days of the chart of money.
const HOURS: i64 = 48;
const DAYS: i64 = 30;
/// How many of the newest answers are timed.
const TIMED: u32 = 10_000;

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

/// How tasks went in so many days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Summary {
    pub days: i64,
    pub done: i64,
    pub failed: i64,
    pub cancelled: i64,
    /// From the acceptance to the end of those that are done, in milliseconds; `None` where there are none.
    pub p50_ms: Option<i64>,
    pub p95_ms: Option<i64>,
    pub p99_ms: Option<i64>,
    pub usd: f64,
}

impl Summary {
    /// Successes in percent of what succeeded or failed.
    pub fn success(&self) -> Option<f64> {
        let all = self.done + self.failed;
        #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
        (all > 0).then(|| self.done as f64 * 100.0 / all as f64)
    }
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
            let micro: i64 = sqlx::query_scalar(
                "SELECT COALESCE(SUM(COALESCE(settled_micro_usd, reserved_micro_usd)), 0)
                 FROM spend WHERE reserved_at >= ?1 AND reserved_at < ?2",
            )
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

    /// How tasks went in the last `days` times 24 hours.
    pub async fn summary(&self, days: i64) -> Result<Summary, DbError> {
        let since = clock::now_ms() - days * DAY_MS;
        let (done, failed, cancelled): (i64, i64, i64) = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE state = ?2), COUNT(*) FILTER (WHERE state IN (?3, ?4)),
                    COUNT(*) FILTER (WHERE state = ?5)
             FROM job WHERE ended_at >= ?1",
        )
        .bind(since)
        .bind(State::Done.as_str())
        .bind(State::Failed.as_str())
        .bind(State::Poison.as_str())
        .bind(State::Cancelled.as_str())
        .fetch_one(self.read())
        .await?;
        // In one row: ten thousand of them would take longer than all the rest.
        let times: String = sqlx::query_scalar(
            "SELECT COALESCE(group_concat(ms), '') FROM (
                 SELECT ended_at - accepted_at AS ms FROM job
                 WHERE ended_at >= ?1 AND +state = ?3 ORDER BY ended_at DESC LIMIT ?2)",
        )
        .bind(since)
        .bind(TIMED)
        .bind(State::Done.as_str())
        .fetch_one(self.read())
        .await?;
        let mut times: Vec<i64> = times.split(',').filter_map(|ms| ms.parse().ok()).collect();
        times.sort_unstable();
        let micro: i64 = sqlx::query_scalar(
            "SELECT COALESCE(SUM(COALESCE(settled_micro_usd, reserved_micro_usd)), 0) FROM spend WHERE reserved_at >= ?1",
        )
        .bind(since)
        .fetch_one(self.read())
        .await?;
        let [p50_ms, p95_ms, p99_ms] = [50, 95, 99].map(|percent| at_percent(&times, percent));
        Ok(Summary { days, done, failed, cancelled, p50_ms, p95_ms, p99_ms, usd: usd(micro) })
    }
}

/// The nearest rank, of sorted values.
pub(super) fn at_percent(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[expect(clippy::cast_precision_loss, reason = "money of people, far below 2^53 millionths")]
fn usd(micro: i64) -> f64 {
    micro as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        assert_eq!(at_percent(&[], 50), None);
        assert_eq!([50, 95, 99].map(|percent| at_percent(&[7], percent)), [Some(7); 3]);
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!([50, 95, 99].map(|percent| at_percent(&hundred, percent)), [Some(50), Some(95), Some(99)]);
    }

    #[test]
    fn what_was_cancelled_is_no_failure() {
        let summary = Summary { done: 3, failed: 1, cancelled: 9, ..Summary::default() };
        assert_eq!(summary.success(), Some(75.0));
        assert_eq!(Summary::default().success(), None);
    }
}
