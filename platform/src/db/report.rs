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
    outbox::{self, New},
    said,
};
use crate::{calendar::Week, clock};

const DAY_MS: i64 = 24 * HOUR_MS;

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
        // The index has the rows of all tasks, without their words.
        let accepted: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM job INDEXED BY job_counted WHERE accepted_at >= ?1 AND accepted_at < ?2",
        )
        .bind(from)
        .bind(until)
        .fetch_one(self.read())
        .await?;
        let first: Option<i64> = sqlx::query_scalar("SELECT accepted_at FROM job ORDER BY number LIMIT 1")
            .fetch_optional(self.read())
            .await?;
        let micro: i64 = sqlx::query_scalar(
            "SELECT COALESCE(SUM(COALESCE(settled_micro_usd, reserved_micro_usd)), 0) FROM spend
             WHERE reserved_at >= ?1 AND reserved_at < ?2",
        )
        .bind(from)
        .bind(until)
        .fetch_one(self.read())
        .await?;
        let hours = self.uptime_hours().await?;
        let begin = first.unwrap_or(from).max(from);
        #[expect(clippy::cast_precision_loss, reason = "numbers for people")]
        let share = |part: i64, of: i64| part as f64 / of as f64;
        let ended = done + failed;
        Ok(Report {
            days: (until - from + DAY_MS / 2) / DAY_MS,
            uptime: uptime::ratio(&hours, from, until, clock::now_ms()),
            accepted,
            done,
            failed,
            cancelled,
            per_day: share(ended * DAY_MS, (until - begin).max(DAY_MS)),
            error_rate: (ended > 0).then(|| share(failed, ended)),
            p50_ms: self.within((from, until), done, 50).await?,
            p95_ms: self.within((from, until), done, 95).await?,
            usd: share(micro, 1_000_000),
        })
    }

    /// In which time so many percent of the tasks were answered that are done: the nearest rank.
    async fn within(&self, (from, until): (i64, i64), done: i64, percent: i64) -> Result<Option<i64>, DbError> {
        Ok(sqlx::query_scalar(
            "SELECT MAX(0, ended_at - accepted_at) FROM job
             WHERE ended_at >= ?1 AND ended_at < ?2 AND state = ?3 ORDER BY 1 LIMIT 1 OFFSET ?4",
        )
        .bind(from)
        .bind(until)
        .bind(State::Done.as_str())
        .bind(((done * percent + 99) / 100 - 1).max(0))
        .fetch_optional(self.read())
        .await?)
    }

    /// Sends the owner the summary of this week, unless it was sent; true when it was sent now.
    pub async fn send_weekly(&self, week: &Week, wanted: bool) -> Result<bool, DbError> {
        let key = format!("weekly:{}", week.first_day);
        let told = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM said WHERE key = ?1)")
            .bind(&key)
            .fetch_one(self.read())
            .await?;
        let owner = self.terms().owner;
        let report = self.report(week.from, week.until).await?;
        let facts = Facts { wanted, owner: owner.is_some(), told, happened: !report.is_empty() };
        let (Verdict::Send, Some(chat)) = (weekly::decide(facts), owner) else { return Ok(false) };
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
