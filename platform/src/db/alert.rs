//! Alerts in rows, which follow the book, and what the rules of alerts want to know of the rows.

use agentlab_domain::{
    alert::facts::{Rows, Spent},
    retention::{ALERTS_DAYS, DAY_MS},
};

use super::{Db, DbError, Durability, Write, budget::MONEY, wall};
use crate::{
    alert::book::{Entries, Entry},
    calendar, clock,
};

/// Errors are counted over a minute.
const WINDOW_MS: i64 = 60_000;
/// So many tasks are counted; more says nothing new.
const MOST: i64 = 100_000;

impl Db {
    /// What the rules want to know.
    pub async fn alert_facts(&self) -> Result<Rows, DbError> {
        let (now, limits) = (clock::now_ms(), &self.terms().limits);
        // What waits for anything else needs no more workers: others of its lane, a directory in use, a time, money.
        let depth = self.claimable().await?;
        // Not those that a person, a budget or a limit of the account stopped; and of an outage its calls count.
        let errors: i64 = sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM run
                     WHERE state = 'over' AND ended_at > ?1 AND ended_at <= ?2 AND outcome IN
                         ('refused', 'errored', 'crashed', 'time_limit', 'no_progress', 'not_started', 'lost'))
                  + (SELECT COALESCE(SUM(failed), 0) FROM call WHERE at > ?1 AND at <= ?2)",
        )
        .bind(now - clock::scaled_ms(WINDOW_MS))
        .bind(now)
        .fetch_one(self.read())
        .await?;
        let period = calendar::period(now);
        let day = self.spent(limits.day, period.day_from, period.day_until).await?;
        let month = self.spent(limits.month, period.month_from, period.month_until).await?;
        let count = |count: i64| u64::try_from(count.clamp(0, MOST)).unwrap_or_default();
        Ok(Rows { depth: count(depth), errors: count(errors), day, month })
    }

    /// What is really spent of a budget: what running tasks have set aside may come back.
    async fn spent(&self, limit: Option<i64>, from: i64, until: i64) -> Result<Option<Spent>, DbError> {
        let Some(limit) = limit else { return Ok(None) };
        let query = format!(
            "SELECT COALESCE(SUM(settled_micro_usd), 0) FROM {MONEY} WHERE reserved_at >= ?1 AND reserved_at < ?2"
        );
        let spent =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(from).bind(until).fetch_one(self.read()).await?;
        Ok(Some(Spent { spent, limit }))
    }

    /// Enters what the book has and the rows have not; nothing of what may have been pruned already.
    pub async fn note_alerts(&self, entries: &Entries) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        let since = wall::believed(&mut write).await? - ALERTS_DAYS * DAY_MS;
        for (key, entry) in entries.iter().filter(|(_, entry)| entry.began >= since) {
            note(&mut write, key, entry).await?;
        }
        write.commit().await
    }
}

async fn note(write: &mut Write, key: &str, entry: &Entry) -> Result<(), DbError> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO alert (key, rule, severity, subject, words, began, over) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (key, began) DO UPDATE SET over = excluded.over RETURNING id",
    )
    .bind(key)
    .bind(&entry.rule)
    .bind(&entry.severity)
    .bind(&entry.subject)
    .bind(&entry.words)
    .bind(entry.began)
    .bind(entry.over)
    .fetch_one(&mut **write)
    .await?;
    // What was told of an earlier episode stands there for its cooldown alone.
    for (channel, told) in entry.told.iter().filter(|(_, told)| told.at >= entry.began) {
        let what = if told.open || entry.over == Some(entry.began) { "began" } else { "over" };
        sqlx::query(
            "INSERT INTO alert_delivery (alert_id, channel, at, what) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(channel)
        .bind(told.at)
        .bind(what)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}
