//! Reports from rows. What they mean, and their words, stand in `agentlab_domain::report`; the weekly one is sent from here, in the
//! transaction that notes it.

use agentlab_domain::{
    chat::Place,
    job::State,
    report::Report,
    uptime::{self, HOUR_MS},
    weekly::{self, Facts, Verdict},
};

use super::{
    Db, DbError, Durability,
    budget::MONEY,
    outbox::{self, New},
    said,
};
use crate::{calendar::Week, clock};

const DAY_MS: i64 = 24 * HOUR_MS;
/// How many of the newest answers are timed.
const TIMED: u32 = 10_000;

impl Db {
    /// The reports of the last seven and thirty days.
    pub async fn reports(&self) -> Result<[Report; 2], DbError> {
        let now = clock::now_ms();
        Ok([self.report(now - 7 * DAY_MS, now).await?, self.report(now - 30 * DAY_MS, now).await?])
    }

    /// The report of the time from one moment to another, Unix milliseconds.
    pub async fn report(&self, from: i64, until: i64) -> Result<Report, DbError> {
        let (done, failed, cancelled): (i64, i64, i64) = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE state = ?3), COUNT(*) FILTER (WHERE state IN (?4, ?5)),
                    COUNT(*) FILTER (WHERE state = ?6)
             FROM job WHERE ended_at >= ?1 AND ended_at < ?2",
        )
        .bind(from)
        .bind(until)
        .bind(State::Done.as_str())
        .bind(State::Failed.as_str())
        .bind(State::Poison.as_str())
        .bind(State::Cancelled.as_str())
        .fetch_one(self.read())
        .await?;
        let first: Option<i64> = sqlx::query_scalar("SELECT accepted_at FROM job ORDER BY number LIMIT 1")
            .fetch_optional(self.read())
            .await?;
        let micro: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT COALESCE(SUM(COALESCE(settled_micro_usd, reserved_micro_usd)), 0) FROM {MONEY}
             WHERE reserved_at >= ?1 AND reserved_at < ?2"
        )))
        .bind(from)
        .bind(until)
        .fetch_one(self.read())
        .await?;
        let hours = self.uptime_hours().await?;
        let begin = first.unwrap_or(from).max(from);
        #[expect(clippy::cast_precision_loss, reason = "numbers for people")]
        let share = |part: i64, of: i64| part as f64 / of as f64;
        let ended = done + failed;
        let times = self.times(from, until).await?;
        Ok(Report {
            days: (until - from + DAY_MS / 2) / DAY_MS,
            uptime: uptime::ratio(&hours, from, until, clock::now_ms()),
            done,
            failed,
            cancelled,
            per_day: share(ended * DAY_MS, (until - begin).max(DAY_MS)),
            error_rate: (ended > 0).then(|| share(failed, ended)),
            p50_ms: at_percent(&times, 50),
            p95_ms: at_percent(&times, 95),
            p99_ms: at_percent(&times, 99),
            usd: share(micro, 1_000_000),
        })
    }

    /// How long the newest answers of that time took, the shortest first.
    async fn times(&self, from: i64, until: i64) -> Result<Vec<i64>, DbError> {
        // In one row: ten thousand of them would take longer than all the rest. By the time, not by the state: most tasks are done.
        let times: String = sqlx::query_scalar(
            "SELECT COALESCE(group_concat(ms), '') FROM (
                 SELECT MAX(0, ended_at - accepted_at) AS ms FROM job
                 WHERE ended_at >= ?1 AND ended_at < ?2 AND +state = ?3 ORDER BY ended_at DESC LIMIT ?4)",
        )
        .bind(from)
        .bind(until)
        .bind(State::Done.as_str())
        .bind(TIMED)
        .fetch_one(self.read())
        .await?;
        let mut times: Vec<i64> = times.split(',').filter_map(|ms| ms.parse().ok()).collect();
        times.sort_unstable();
        Ok(times)
    }

    /// Whether a task was accepted in that time.
    async fn accepted(&self, from: i64, until: i64) -> Result<bool, DbError> {
        // The index has all tasks without their words.
        let query =
            "SELECT EXISTS (SELECT 1 FROM job INDEXED BY job_counted WHERE accepted_at >= ?1 AND accepted_at < ?2)";
        Ok(sqlx::query_scalar(query).bind(from).bind(until).fetch_one(self.read()).await?)
    }

    /// Sends the owner the summary of this week, unless it was sent; true when it was sent now.
    pub async fn send_weekly(&self, week: &Week, wanted: bool) -> Result<bool, DbError> {
        let key = format!("weekly:{}", week.first_day);
        let told = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM said WHERE key = ?1)")
            .bind(&key)
            .fetch_one(self.read())
            .await?;
        let report = self.report(week.from, week.until).await?;
        let happened = !report.is_empty() || self.accepted(week.from, week.until).await?;
        let facts = Facts { wanted, owner: self.terms().owner, told, happened };
        let Verdict::Send { to: chat } = weekly::decide(facts) else { return Ok(false) };
        let words = report.summary(&week.first_day, &week.last_day);
        let mut write = self.begin(Durability::Full).await?;
        // Inside the transaction: of two that look at once one sends it.
        let first = said::first(&mut write, &key).await?;
        if first {
            let (place, body) = (Place { chat, topic: None }, agentlab_domain::answer::reply(&words));
            outbox::add(&mut write, New { kind: "notice", job_id: None, place, reply_to: None, body: &body }).await?;
        }
        write.commit().await?;
        Ok(first)
    }
}

/// The nearest rank, of sorted values.
fn at_percent(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
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
}
