//! Budgets in rows: what was spent and is reserved, the reservation of a run, and what follows when money is spent. What
//! may be reserved is decided in `domain::budget`.

use agentlab_domain::{
    budget::{self, Kind, Limits, Used, Verdict},
    progress::dollars,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Db, DbError, Write, claim::Claim, said, wall};
use crate::{
    calendar::{self, Period},
    clock,
};

/// What is spent and reserved, for people; US dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Spending {
    pub today_usd: f64,
    pub month_usd: f64,
    /// Of today's, what running tasks have set aside and not spent yet.
    pub reserved_usd: f64,
    pub daily_limit_usd: Option<f64>,
    pub monthly_limit_usd: Option<f64>,
    /// Today's by person; without one: the terminal.
    pub by_user: Vec<(Option<i64>, f64)>,
}

impl Spending {
    /// In one line.
    pub fn line(&self) -> String {
        let of = |limit: Option<f64>| limit.map(|limit| format!(" of {}", dollars(limit))).unwrap_or_default();
        format!(
            "Spent today: {}{}, this month: {}{}.",
            dollars(self.today_usd),
            of(self.daily_limit_usd),
            dollars(self.month_usd),
            of(self.monthly_limit_usd)
        )
    }

    /// In a few lines: the answer to `/cost`.
    pub fn words(&self) -> String {
        let mut words = self.line();
        if self.reserved_usd > 0.0 {
            words.push_str(&format!("\nOf today's, running tasks have set aside {}.", dollars(self.reserved_usd)));
        }
        for (user, usd) in &self.by_user {
            let who = user.map_or_else(|| "the terminal".to_owned(), |user| format!("user {user}"));
            words.push_str(&format!("\nToday by {who}: {}", dollars(*usd)));
        }
        words
    }
}

/// What runs cost or set aside, those that are gone included: by quarters of an hour, which no day divides.
pub(super) const MONEY: &str =
    "(SELECT user_id, reserved_micro_usd, settled_micro_usd, reserved_at FROM spend UNION ALL
    SELECT NULLIF(user_id, 0), micro_usd, micro_usd, at FROM spend_past)";

const SUM: &str = "COALESCE(SUM(COALESCE(settled_micro_usd, reserved_micro_usd)), 0)";

/// What this job, this person and everybody have used, reservations included.
pub(super) async fn used(
    connection: &mut sqlx::SqliteConnection,
    job_id: &str,
    user: Option<i64>,
    period: &Period,
) -> Result<Used, DbError> {
    let query = format!(
        "SELECT (SELECT {SUM} FROM spend JOIN run ON run.id = spend.run_id WHERE run.job_id = ?1),
                (SELECT {SUM} FROM {MONEY} WHERE reserved_at >= ?2 AND reserved_at < ?3 AND user_id IS ?6),
                (SELECT {SUM} FROM {MONEY} WHERE reserved_at >= ?2 AND reserved_at < ?3),
                (SELECT {SUM} FROM {MONEY} WHERE reserved_at >= ?4 AND reserved_at < ?5)"
    );
    let (job, user_day, day, month) = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(job_id)
        .bind(period.day_from)
        .bind(period.day_until)
        .bind(period.month_from)
        .bind(period.month_until)
        .bind(user)
        .fetch_one(connection)
        .await?;
    Ok(Used { job, user_day, day, month })
}

/// Whether a run of this job may begin now, and with how much.
pub(super) async fn verdict(
    write: &mut Write,
    limits: &Limits,
    job_id: &str,
    user: Option<i64>,
) -> Result<Verdict, DbError> {
    if *limits == Limits::default() {
        return Ok(Verdict::Free);
    }
    // A clock that was set a moment ago must not make a day of its own.
    wall::account(write).await?;
    let used = used(write, job_id, user, &calendar::period(clock::now_ms())).await?;
    Ok(budget::reserve(limits, &used))
}

/// Where what a run might spend was cut short by a budget of days or months: when that begins anew.
pub(super) async fn short_until(db: &Db, claim: &Claim) -> Result<Option<i64>, DbError> {
    let limits = &db.terms().limits;
    if *limits == Limits::default() {
        return Ok(None);
    }
    let (reserved, before): (i64, i64) = sqlx::query_as(
        "SELECT COALESCE(SUM(reserved_micro_usd) FILTER (WHERE run_id = ?1), 0),
                COALESCE(SUM(settled_micro_usd) FILTER (WHERE run_id <> ?1), 0)
         FROM spend JOIN run ON run.id = spend.run_id WHERE run.job_id = ?2",
    )
    .bind(&claim.run_id)
    .bind(&claim.job_id)
    .fetch_one(db.read())
    .await?;
    let whole = limits.job.map_or(budget::SHARE, |limit| limit - before);
    Ok((reserved < whole).then(|| begins_anew(Kind::Day, clock::now_ms())))
}

/// When a budget of this kind begins anew (Unix milliseconds).
pub(super) fn begins_anew(kind: Kind, now: i64) -> i64 {
    let period = calendar::period(now);
    match kind {
        Kind::Month => period.month_until,
        Kind::UserDay | Kind::Day | Kind::Job => period.day_until,
    }
}

/// What a budget that has nothing left is called, with its size.
pub(super) fn words(kind: Kind, limits: &Limits) -> String {
    let size = limits.of(kind).map(budget::dollars).unwrap_or_default();
    match kind {
        Kind::Job => format!(
            "the budget of one task of {size} is used up (a run that was killed counts with all that it may have spent); \
             done again as a new task it has a new one"
        ),
        Kind::UserDay | Kind::Day | Kind::Month => {
            format!("{} of {size} is used up or set aside by running tasks", kind.words())
        }
    }
}

/// A run is settled: tasks that wait for money look again, and the owner hears of a budget that is nearly or wholly spent.
pub(super) async fn spent(write: &mut Write, limits: &Limits, owner: Option<i64>, run_id: &str) -> Result<(), DbError> {
    if *limits == Limits::default() {
        return Ok(());
    }
    let period = calendar::period(clock::now_ms());
    let everybody = Limits { job: None, user_day: None, ..*limits };
    // While nothing remains for anybody, nobody needs to look.
    if !matches!(budget::reserve(&everybody, &used(write, "", None, &period).await?), Verdict::Nothing(_)) {
        look_again(write).await?;
    }
    let user: Option<i64> =
        sqlx::query_scalar("SELECT user_id FROM spend WHERE run_id = ?1").bind(run_id).fetch_one(&mut **write).await?;
    let who = user.map_or_else(|| "the terminal".to_owned(), |user| format!("user {user}"));
    let of_user = format!("{} {who}", period.day);
    for (kind, limit, from, until, name) in [
        (Kind::UserDay, limits.user_day, period.day_from, period.day_until, &of_user),
        (Kind::Day, limits.day, period.day_from, period.day_until, &period.day),
        (Kind::Month, limits.month, period.month_from, period.month_until, &period.month),
    ] {
        let Some(limit) = limit else { continue };
        let spent: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT COALESCE(SUM(settled_micro_usd), 0) FROM {MONEY}
             WHERE reserved_at >= ?1 AND reserved_at < ?2 AND (?3 = 0 OR user_id IS ?4)"
        )))
        .bind(from)
        .bind(until)
        .bind(kind == Kind::UserDay)
        .bind(user)
        .fetch_one(&mut **write)
        .await?;
        for (nth, mark) in budget::reached(limit, spent).enumerate() {
            let key = format!("budget:{}:{name}:{limit}:{mark}", kind.as_str());
            if nth > 0 {
                // A higher mark says it all.
                said::first(write, &key).await?;
                continue;
            }
            let whose = if kind == Kind::UserDay { format!(", {who},") } else { String::new() };
            let words = format!(
                "{}{whose} of {} is {mark} % spent ({}).{}",
                capital(kind.words()),
                budget::dollars(limit),
                budget::dollars(spent),
                if mark >= 100 { " New tasks wait." } else { "" }
            );
            said::owner_once(write, owner, &key, &words).await?;
        }
    }
    Ok(())
}

/// Tasks that wait for money look again: some was given back, or the limits were changed.
pub(super) async fn look_again(write: &mut Write) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "UPDATE job SET run_at = 0
         WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') AND state = 'parked' AND parked_for = 'budget'",
    )
    .execute(&mut **write)
    .await?
    .rows_affected())
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl Db {
    /// What is spent and reserved today and this month.
    pub async fn spending(&self) -> Result<Spending, DbError> {
        let period = calendar::period(clock::now_ms());
        let mut connection = self.read().acquire().await?;
        let used = used(&mut connection, "", None, &period).await?;
        let reserved: i64 = sqlx::query_scalar(
            "SELECT COALESCE(SUM(reserved_micro_usd), 0) FROM spend WHERE settled_micro_usd IS NULL AND reserved_at >= ?1",
        )
        .bind(period.day_from)
        .fetch_one(&mut *connection)
        .await?;
        let query =
            format!("SELECT user_id, {SUM} FROM {MONEY} WHERE reserved_at >= ?1 GROUP BY user_id ORDER BY 2 DESC");
        let by_user: Vec<(Option<i64>, i64)> =
            sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(period.day_from).fetch_all(&mut *connection).await?;
        let limits = &self.terms().limits;
        Ok(Spending {
            today_usd: usd(used.day),
            month_usd: usd(used.month),
            reserved_usd: usd(reserved),
            daily_limit_usd: limits.day.map(usd),
            monthly_limit_usd: limits.month.map(usd),
            by_user: by_user.into_iter().map(|(user, micro)| (user, usd(micro))).collect(),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "dollars for people")]
fn usd(micro: i64) -> f64 {
    micro as f64 / 1_000_000.0
}
