//! The wall clock in rows: what is put right once it was *set* (`domain::wall`), and the time that may be believed. A time in a row
//! was written by the clock of its day; of one that has been set back since, it lies in the future, and nobody may wait for it.

use agentlab_domain::wall::{self, Known, Moment, Moved, TERMS, Terms};
use sqlx::SqliteConnection;

use super::{Db, DbError, Durability, Write, budget, hold};
use crate::{calendar, clock, identity};

/// A row that is as old is written anew: small steps of the clock must not add up to one that looks like a setting.
const OLD_MS: i64 = 600_000;

impl Db {
    /// Looks whether the clock was set since the last look, and puts right what stands in rows.
    pub async fn watch_clock(&self) -> Result<Moved, DbError> {
        let mut connection = self.read().acquire().await?;
        let known = known(&mut connection).await?;
        drop(connection);
        let (next, moved) = wall::look(known.as_ref(), now(), terms());
        let old =
            known.is_none_or(|known| known.at.boot != next.at.boot || next.at.boot_ms - known.at.boot_ms >= OLD_MS);
        if moved == Moved::No && !old {
            return Ok(moved);
        }
        let mut write = self.begin(Durability::Full).await?;
        let moved = account(&mut write).await?;
        write.commit().await?;
        Ok(moved)
    }

    /// The time that may be deleted by, Unix milliseconds: never ahead of the clock, and behind one that was just set forward.
    pub async fn believed_now(&self) -> Result<i64, DbError> {
        believed(&mut *self.read().acquire().await?).await
    }
}

/// The same in the caller's transaction.
pub(super) async fn believed(connection: &mut SqliteConnection) -> Result<i64, DbError> {
    let known = known(connection).await?;
    Ok(wall::look(known.as_ref(), now(), terms()).0.believed_ms)
}

/// Looks at the clock in the caller's transaction, and puts right what stands in rows before anything is decided by them.
pub(super) async fn account(write: &mut Write) -> Result<Moved, DbError> {
    let (next, moved) = wall::look(known(write).await?.as_ref(), now(), terms());
    match moved {
        Moved::No | Moved::Away => {}
        Moved::Forward(by) => {
            tracing::warn!(by_ms = by, "the clock was set forward");
            spent_today_stays_so(write, next.at.wall_ms, by).await?;
        }
        Moved::Back(by) => {
            tracing::warn!(by_ms = by, "the clock was set back");
            nobody_waits_for_what_was(write, next.at.wall_ms).await?;
        }
    }
    sqlx::query(
        "INSERT INTO clock (id, boot, boot_ms, wall_ms, believed_ms, steady_ms) VALUES (1, ?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET boot = ?1, boot_ms = ?2, wall_ms = ?3, believed_ms = ?4, steady_ms = ?5",
    )
    .bind(&next.at.boot)
    .bind(next.at.boot_ms)
    .bind(next.at.wall_ms)
    .bind(next.believed_ms)
    .bind(next.steady_ms)
    .execute(&mut **write)
    .await?;
    Ok(moved)
}

fn now() -> Moment {
    Moment { boot: identity::boot().unwrap_or_default(), boot_ms: clock::since_boot_ms(), wall_ms: clock::now_ms() }
}

fn terms() -> Terms {
    Terms { proof_ms: clock::scaled_ms(TERMS.proof_ms), ..TERMS }
}

async fn known(connection: &mut SqliteConnection) -> Result<Option<Known>, DbError> {
    let row: Option<(String, i64, i64, i64, i64)> =
        sqlx::query_as("SELECT boot, boot_ms, wall_ms, believed_ms, steady_ms FROM clock")
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(boot, boot_ms, wall_ms, believed_ms, steady_ms)| Known {
        at: Moment { boot, boot_ms, wall_ms },
        believed_ms,
        steady_ms,
    }))
}

/// A day that a clock jumps out of is not over: what was spent in it moves along, so that a budget is not there twice.
async fn spent_today_stays_so(write: &mut Write, now: i64, by: i64) -> Result<(), DbError> {
    let (before, after) = (calendar::period(now - by), calendar::period(now));
    if before.day_from == after.day_from {
        return Ok(());
    }
    sqlx::query(
        "UPDATE spend SET reserved_at = MAX(reserved_at + ?3, ?4) WHERE reserved_at >= ?1 AND reserved_at <= ?2",
    )
    .bind(before.day_from)
    .bind(now - by)
    .bind(by)
    .bind(after.day_from)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What was written under a clock that was ahead counts from now: money as spent today, a pause for as long as it was meant to be.
/// What was put off is tried again; at worst it is put off once more.
async fn nobody_waits_for_what_was(write: &mut Write, now: i64) -> Result<(), DbError> {
    hold::lift_after(write, now).await?;
    budget::look_again(write).await?;
    for statement in [
        "UPDATE spend SET reserved_at = ?1 WHERE reserved_at > ?1",
        "UPDATE pause SET until = until - since + ?1, since = ?1 WHERE since > ?1",
        "UPDATE job SET run_at = 0
         WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') AND state IN ('retrying', 'parked') AND run_at > ?1",
        "UPDATE outbox SET not_before = 0 WHERE state IN ('pending', 'sending') AND not_before > ?1",
        "UPDATE run SET hold_until = 0 WHERE state <> 'over' AND hold_until > ?1",
    ] {
        sqlx::query(statement).bind(now).execute(&mut **write).await?;
    }
    Ok(())
}
