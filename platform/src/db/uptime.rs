//! Uptime in rows, one an hour of UTC. What is counted is decided in `agentlab_domain::uptime`; here it is kept, and read for a time.

use agentlab_domain::uptime::{self, Hour, Passed, hour_of};
use serde::Serialize;

use super::{Db, DbError, Durability};
use crate::{calendar, clock};

const DAY_MS: i64 = 24 * uptime::HOUR_MS;
/// Days of the chart.
const DAYS: i64 = 30;

/// The share of the time that was served, from 0 to 1; `None` where nothing was watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Uptime {
    pub day: Option<f64>,
    pub week: Option<f64>,
    pub month: Option<f64>,
    /// Since when the system is watched, Unix milliseconds; at most forty days.
    pub since: Option<i64>,
}

/// One day of the machine's time zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServedDay {
    /// `2026-11-22`.
    pub day: String,
    pub ratio: Option<f64>,
}

impl Db {
    /// Adds to the present hour.
    pub async fn watched(&self, passed: Passed) -> Result<(), DbError> {
        let now = clock::now_ms();
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query(
            "INSERT INTO uptime (hour, first_at, last_at, watched_ms, served_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (hour) DO UPDATE SET last_at = MAX(last_at, excluded.last_at),
                 watched_ms = watched_ms + excluded.watched_ms, served_ms = served_ms + excluded.served_ms",
        )
        .bind(hour_of(now))
        // What began in the hour before belongs to it in truth: at most what passes between two notes.
        .bind((now - passed.watched_ms).max(hour_of(now)))
        .bind(now)
        .bind(passed.watched_ms)
        .bind(passed.served_ms)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// The uptime of the last 24 hours, seven and thirty days.
    pub async fn uptime(&self) -> Result<Uptime, DbError> {
        let (hours, now) = (self.uptime_hours().await?, clock::now_ms());
        let of = |days: i64| uptime::ratio(&hours, now - days * DAY_MS, now, now);
        let since = hours.iter().map(|hour| hour.first_at).filter(|at| *at <= now).min();
        Ok(Uptime { day: of(1), week: of(7), month: of(30), since })
    }

    /// The uptime of each of the last thirty days, the oldest first.
    pub async fn uptime_days(&self) -> Result<Vec<ServedDay>, DbError> {
        let (hours, now) = (self.uptime_hours().await?, clock::now_ms());
        let mut days = Vec::new();
        let mut at = calendar::period(now);
        for _ in 0..DAYS {
            let ratio = uptime::ratio(&hours, at.day_from, at.day_until.min(now), now);
            days.push(ServedDay { day: at.day.clone(), ratio });
            // The middle of the day before it, whatever the clocks of the zone do.
            at = calendar::period(at.day_from - DAY_MS / 2);
        }
        days.reverse();
        Ok(days)
    }

    /// Every hour that is kept.
    pub(super) async fn uptime_hours(&self) -> Result<Vec<Hour>, DbError> {
        let rows: Vec<(i64, i64, i64, i64)> =
            sqlx::query_as("SELECT hour, first_at, last_at, served_ms FROM uptime ORDER BY hour")
                .fetch_all(self.read())
                .await?;
        let hour = |(from, first_at, last_at, served_ms)| Hour { from, first_at, last_at, served_ms };
        Ok(rows.into_iter().map(hour).collect())
    }

    /// Whether the database can be read now.
    pub async fn is_readable(&self) -> bool {
        let one = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM meta").fetch_one(self.read());
        self.home().database().exists() && one.await.is_ok()
    }
}
