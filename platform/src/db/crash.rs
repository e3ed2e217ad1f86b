//! Starts and crashes in rows: what the crash history has in lines. A start is entered with its process; a crash follows its
//! line as soon as the database can be written.

use agentlab_domain::{
    crash::{Kind, Release, Suspicion, Young},
    role::Post,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Db, DbError, Durability, Write,
    tally::{self, Going},
    wall,
};
use crate::{clock, crash_history, crash_history::Entry, release};

/// Rows of crashes and recoveries are kept for thirty days.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;
/// How many old rows a new one takes along: no write is long, and they become fewer than were added.
const BATCH: u32 = 100;
/// A suspicion is shown for a day.
const SHOWN_MS: i64 = 24 * 3_600_000;

/// A crash, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct CrashRow {
    pub at: i64,
    pub role: String,
    pub slot: u32,
    pub version: String,
    pub commit_hash: Option<String>,
    pub reason: String,
    pub was_ready: Option<bool>,
    pub suspect: bool,
}

impl CrashRow {
    fn is(&self, entry: &Entry, post: Post) -> bool {
        self.at == entry.at && self.role == post.role.as_str() && self.slot == post.slot
    }
}

/// The suspicion that the release is under which asks, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SuspicionView {
    pub version: String,
    pub commit: Option<String>,
    /// Within half an hour.
    pub crashes: usize,
    /// When the last of them was, Unix milliseconds.
    pub at: i64,
    pub words: String,
}

impl Db {
    /// Enters these crashes, but for those that have their row; returns how many were new.
    pub async fn crashed(&self, entries: &[Entry]) -> Result<u64, DbError> {
        let crashes = entries.iter().filter(|entry| entry.kind == Kind::Crash);
        let crashes: Vec<_> = crashes.filter_map(|entry| Some((entry, entry.post()?))).collect();
        let Some(since) = crashes.iter().map(|(entry, _)| entry.at).min() else { return Ok(0) };
        let known = self.crashes_since(since).await?;
        let unknown = crashes.into_iter().filter(|(entry, post)| !known.iter().any(|row| row.is(entry, *post)));
        let unknown: Vec<_> = unknown.collect();
        if unknown.is_empty() {
            return Ok(0);
        }
        let mut write = self.begin(Durability::Normal).await?;
        let mut entered = 0;
        for (entry, post) in unknown {
            // Again inside the transaction: it may be asked twice after a doubt.
            entered += sqlx::query(
                "INSERT INTO crash (at, kind, role, slot, version, commit_hash, reason, was_ready, suspect)
                 SELECT ?1, 'crash', ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (
                     SELECT 1 FROM crash WHERE at = ?1 AND kind = 'crash' AND role = ?2 AND slot = ?3)",
            )
            .bind(entry.at)
            .bind(post.role.as_str())
            .bind(post.slot)
            .bind(&entry.version)
            .bind(&entry.commit)
            .bind(&entry.reason)
            .bind(entry.was_ready)
            .bind(entry.suspect)
            .execute(&mut *write)
            .await?
            .rows_affected();
        }
        forget_old(&mut write).await?;
        write.commit().await?;
        Ok(entered)
    }

    /// The crashes since then (Unix milliseconds), oldest first.
    pub async fn crashes_since(&self, since: i64) -> Result<Vec<CrashRow>, DbError> {
        Ok(sqlx::query_as(
            "SELECT at, role, slot, version, commit_hash, reason, was_ready, suspect FROM crash
             WHERE kind = 'crash' AND at >= ?1 ORDER BY id",
        )
        .bind(since)
        .fetch_all(self.read())
        .await?)
    }

    /// How often the process of each role and slot was started since then.
    pub async fn starts_since(&self, since: i64) -> Result<Vec<(String, u32, i64)>, DbError> {
        let starts = "SELECT role, slot, COUNT(*) FROM crash WHERE kind = 'start' AND at >= ?1 GROUP BY role, slot";
        Ok(sqlx::query_as(starts).bind(since).fetch_all(self.read()).await?)
    }

    /// What the release that asks is suspected of, if it came under suspicion within the last day.
    pub async fn suspicion(&self) -> Result<Option<SuspicionView>, DbError> {
        let (now, own) = (clock::now_ms(), release::current());
        let crashes = self.crashes_since(now - SHOWN_MS).await?;
        let of_own = |row: &&CrashRow| row.version == own.version && row.commit_hash.as_deref() == own.commit;
        let Some(last) = crashes.iter().filter(of_own).rfind(|row| row.suspect) else { return Ok(None) };
        let together = crash_history::spans().together_ms;
        let near = |at: i64| (last.at - at).abs() <= together;
        // The lines know which crashes count; without them the rows have to do.
        let counts = |entry: &&Entry| entry.kind == Kind::Crash && !entry.unseen && entry.release() == own.named();
        let lines = crash_history::read(self.home());
        let noted = lines.iter().filter(counts).filter(|entry| near(entry.at)).count();
        let rows = crashes.iter().filter(of_own).filter(|row| near(row.at)).count();
        let count = if noted == 0 { rows } else { noted };
        let words = words(own.named(), count, now);
        Ok(Some(SuspicionView {
            version: last.version.clone(),
            commit: last.commit_hash.clone(),
            crashes: count,
            at: last.at,
            words,
        }))
    }
}

/// The words of a suspicion that was found before, with the age that the release has now.
fn words(release: Release, crashes: usize, now: i64) -> String {
    let born = crate::release::current().born();
    let age_ms = |at: i64| (now - at).max(0);
    let young = match (born.installed_at, born.committed_at) {
        (Some(at), _) => Young::Executable { age_ms: age_ms(at) },
        (None, Some(at)) => Young::Commit { age_ms: age_ms(at) },
        // It was young when it was found out, and its file has gone since.
        (None, None) => Young::Executable { age_ms: 0 },
    };
    Suspicion { release, crashes, young }.words()
}

/// A process begins at its post.
pub(super) async fn started(write: &mut Write, post: Post) -> Result<(), DbError> {
    let release = release::current();
    sqlx::query("INSERT INTO crash (at, kind, role, slot, version, commit_hash) VALUES (?1, 'start', ?2, ?3, ?4, ?5)")
        .bind(clock::now_ms())
        .bind(post.role.as_str())
        .bind(post.slot)
        .bind(release.version)
        .bind(release.commit)
        .execute(&mut **write)
        .await?;
    forget_old(write).await
}

/// Forgets some rows that are too old, along with a new one.
pub(super) async fn forget_old(write: &mut Write) -> Result<(), DbError> {
    let before = wall::believed(write).await? - KEEP_MS;
    let crashes = old(write, "SELECT id FROM crash WHERE at < ?1 ORDER BY at LIMIT ?2", before).await?;
    let recoveries = old(write, "SELECT id FROM recovery WHERE at < ?1 ORDER BY at LIMIT ?2", before).await?;
    // What was counted of them goes on being counted.
    if !crashes.is_empty() {
        tally::fold(write, Going::Crashes(&crashes)).await?;
    }
    if !recoveries.is_empty() {
        tally::fold(write, Going::Recoveries(&recoveries)).await?;
    }
    for (statement, ids) in [
        ("DELETE FROM crash WHERE id IN (SELECT value FROM json_each(?1))", crashes),
        ("DELETE FROM recovery WHERE id IN (SELECT value FROM json_each(?1))", recoveries),
    ] {
        if !ids.is_empty() {
            sqlx::query(statement).bind(serde_json::to_string(&ids)?).execute(&mut **write).await?;
        }
    }
    Ok(())
}

async fn old(write: &mut Write, statement: &'static str, before: i64) -> Result<Vec<i64>, DbError> {
    Ok(sqlx::query_scalar(statement).bind(before).bind(BATCH).fetch_all(&mut **write).await?)
}
