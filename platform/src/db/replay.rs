//! Replay: putting into a database what the journal, or a run directory, has and it lacks. To *lack* is to stand at a lower number
//! than the journal. The images of all missing transactions are laid over one another, and each row is put in as the last left it: so it
//! makes no difference how often that is done, or whether the database stood a little further than thought.
//!
//! Only for a database that nobody else has open: whoever held a lease is gone, and every lease is let go.

use std::{collections::BTreeMap, path::Path};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    DbError, lanes,
    rows::{self, Image, Key, Table},
    whole,
};
use crate::{
    clock,
    home::Home,
    journal::{self, Leap},
    queue,
};

/// What was put back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Transactions of the journal.
    pub(crate) transactions: usize,
    /// Rows that could not be put back: something that belongs to them is missing.
    pub(crate) refused: usize,
    /// Transactions that nobody has any more.
    pub(crate) missing: i64,
    /// Lines of the journal that cannot be read.
    pub(crate) unreadable: usize,
    /// The journal that goes on from the backup is not there.
    pub(crate) cut_off: bool,
    /// Runs that only their directories knew.
    pub(crate) runs: usize,
    /// It stands behind this leap now: nobody knows which numbers what it lacks had.
    pub(crate) leap: Option<Leap>,
}

/// Puts back what the database at `path` lacks; of run directories where it was `restored` or the journal shows that something is
/// missing. Nothing is changed where it lacks nothing. A restored one is a single file afterwards.
pub(crate) async fn into(path: &Path, home: &Home, restored: bool) -> Result<Replayed, DbError> {
    // What refers to what is looked at when all of it is there.
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    let mut connection = options.connect().await?;
    let replayed = begun(&mut connection, home, restored).await;
    // Waited for: what closes later would meet the files of its successor.
    let closed = connection.close().await;
    let replayed = replayed?;
    closed?;
    Ok(replayed)
}

async fn begun(connection: &mut SqliteConnection, home: &Home, restored: bool) -> Result<Replayed, DbError> {
    if !whole::has_journal(connection).await? {
        return Ok(Replayed::default());
    }
    let replayed = replay(connection, home, restored).await?;
    if restored {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await?;
    }
    Ok(replayed)
}

async fn replay(connection: &mut SqliteConnection, home: &Home, restored: bool) -> Result<Replayed, DbError> {
    let (id, seq): (String, i64) = sqlx::query_as("SELECT id, seq FROM journal").fetch_one(&mut *connection).await?;
    let failed = |error| DbError::File { path: home.journal(), error };
    // The ordinary case costs no more than the end of a file.
    if !restored && journal::ends_at(home, &id, seq).map_err(failed)? {
        return Ok(Replayed::default());
    }
    // One that never had a line takes up the journal that is there.
    let journal = journal::read(home, (seq > 0).then_some(id.as_str()), seq).map_err(failed)?;
    let transactions = journal.lines.len();
    let mut replayed =
        Replayed { transactions, missing: journal.missing, unreadable: journal.unreadable, ..Replayed::default() };
    replayed.cut_off = restored && !journal.goes_on && (seq > 0 || journal::exists(home));
    let tables = rows::tables(connection).await?;
    let cut = journal.lines.is_empty() && seq > 0 && !journal::exists(home);
    let lossy = replayed.cut_off || replayed.missing > 0 || replayed.unreadable > 0;
    replayed.leap = (journal.top > 0 && (cut || restored && lossy)).then(|| Leap::after(journal.top, clock::now_ms()));
    let top = replayed.leap.map_or(journal.top, |leap| leap.to);
    if !restored && top == seq {
        return Ok(replayed);
    }
    let mut write = connection.begin_with("BEGIN IMMEDIATE").await?;
    if top != seq {
        sqlx::query("UPDATE journal SET id = ?1, seq = ?2, whole = CASE seq WHEN 0 THEN ?3 ELSE whole END")
            .bind(journal.lines.last().map_or(&id, |last| &last.db))
            .bind(top)
            .bind(journal.lines.iter().any(|line| line.whole))
            .execute(&mut *write)
            .await?;
        replayed.refused = lay(&mut write, &tables, journal.lines).await?;
    }
    replayed.runs = from_runs(&mut write, &tables, home).await?;
    let Replayed { unreadable, cut_off, leap, .. } = replayed;
    if replayed != (Replayed { unreadable, cut_off, leap, ..Replayed::default() }) {
        replayed.refused += settle(&mut write).await?;
    }
    write.commit().await?;
    Ok(replayed)
}

/// Lays the images of these lines over one another and puts in what is on top. Returns how many could not be.
async fn lay(
    connection: &mut SqliteConnection,
    tables: &BTreeMap<String, Table>,
    lines: Vec<journal::Line>,
) -> Result<usize, DbError> {
    let mut top: BTreeMap<(String, String), (Key, Option<Image>)> = BTreeMap::new();
    for line in lines {
        for (name, images) in line.put {
            let Some(table) = tables.get(&name) else { continue };
            for image in images {
                let Some(key) = table.key_of(&image) else { continue };
                top.insert((name.clone(), serde_json::to_string(&key)?), (key, Some(image)));
            }
        }
        for (name, keys) in line.gone {
            for key in keys {
                top.insert((name.clone(), serde_json::to_string(&key)?), (key, None));
            }
        }
    }
    // All that changes goes first, so that no row of before is in the way of one of after.
    for ((name, _), (key, _)) in &top {
        if let Some(table) = tables.get(name) {
            unless_forbidden(rows::remove(connection, table, key).await)?;
        }
    }
    let mut refused = 0;
    for ((name, _), (key, image)) in top {
        let (Some(table), Some(image)) = (tables.get(&name), image) else { continue };
        // What may not be changed is there as it always was.
        let put = unless_forbidden(rows::insert(connection, table, &image).await)?.unwrap_or(false);
        if !put && rows::image(connection, table, &key).await?.is_none() {
            refused += 1;
        }
    }
    Ok(refused)
}

/// The queue has a row for every job, by its state, and nobody holds one.
pub(super) async fn queue_follows(connection: &mut SqliteConnection) -> Result<(), DbError> {
    sqlx::query("DELETE FROM Jobs WHERE id NOT IN (SELECT id FROM job)").execute(&mut *connection).await?;
    let jobs: Vec<(String, String, Option<i64>, Option<String>)> = sqlx::query_as(
        "SELECT job.id, job.state, job.ended_at / 1000, Jobs.status FROM job LEFT JOIN Jobs ON Jobs.id = job.id",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (id, state, ended_at, there) in jobs {
        // A state of a later release has not ended, as far as we know.
        let status = agentlab_domain::job::State::parse(&state).map_or("Pending", |state| state.queue_status());
        match there {
            Some(there) if there == status => continue,
            Some(_) => {}
            None => queue::push(connection, &id).await?,
        }
        sqlx::query("UPDATE Jobs SET status = ?2, done_at = ?3 WHERE id = ?1")
            .bind(&id)
            .bind(status)
            .bind(ended_at)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("UPDATE Jobs SET lock_by = NULL, lock_at = NULL WHERE lock_by IS NOT NULL")
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// `None` where a rule of the schema forbids it.
fn unless_forbidden<T>(done: Result<T, DbError>) -> Result<Option<T>, DbError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(DbError::Sql(sqlx::Error::Database(error))) if error.kind() != sqlx::error::ErrorKind::Other => Ok(None),
        // A trigger's refusal has no kind of its own.
        Err(DbError::Sql(sqlx::Error::Database(error))) if error.code().as_deref() == Some("1811") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts in the runs that only their directories know, or know better: over there, and living here.
async fn from_runs(
    connection: &mut SqliteConnection,
    tables: &BTreeMap<String, Table>,
    home: &Home,
) -> Result<usize, DbError> {
    let mut taken = 0;
    for line in crate::run_dir::rows::all(home) {
        let newest: Option<&Image> = line.put.get("run").and_then(|runs| runs.last());
        let Some(id) = newest.and_then(|run| run.get("id")).and_then(|id| id.as_str()) else { continue };
        let over = newest.and_then(|run| run.get("state")).and_then(|state| state.as_str()) == Some("over");
        let known: Option<(String, String)> =
            sqlx::query_as("SELECT run.state, job.state FROM run JOIN job ON job.id = run.job_id WHERE run.id = ?1")
                .bind(id)
                .fetch_optional(&mut *connection)
                .await?;
        match known {
            None => {
                let job = line.put.get("job").and_then(|jobs| jobs.first()).and_then(|job| job.get("id"));
                let ended: bool =
                    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM job WHERE id = ?1 AND ended_at IS NOT NULL)")
                        .bind(job.and_then(|id| id.as_str()))
                        .fetch_one(&mut *connection)
                        .await?;
                if ended {
                    continue;
                }
            }
            Some((run, _)) if run == "over" || !over => continue,
            Some(_) => {}
        }
        lay(connection, tables, vec![line]).await?;
        taken += 1;
    }
    Ok(taken)
}

/// What follows from the rows: apalis' table, the lanes, and no lease. Returns how many rows went because what they belong to is
/// missing.
async fn settle(connection: &mut SqliteConnection) -> Result<usize, DbError> {
    let refused = unhang(connection).await?;
    queue_follows(connection).await?;
    sqlx::query("UPDATE run SET worker = NULL WHERE state <> 'over'").execute(&mut *connection).await?;
    sqlx::query("DELETE FROM job_lane WHERE job_id IN (SELECT id FROM job WHERE ended_at IS NOT NULL)")
        .execute(&mut *connection)
        .await?;
    let homeless: Vec<(String, String)> = sqlx::query_as(
        "SELECT lane, id FROM job WHERE state IN ('queued', 'running', 'retrying', 'parked')
           AND NOT EXISTS (SELECT 1 FROM job_lane WHERE job_lane.job_id = job.id) ORDER BY number",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (lane, id) in homeless {
        lanes::join(connection, &lane, &id).await?;
    }
    sqlx::query(
        "UPDATE job_lane SET head = 1
         WHERE seq IN (SELECT MIN(seq) FROM job_lane GROUP BY lane HAVING MAX(head) = 0)",
    )
    .execute(connection)
    .await?;
    Ok(refused)
}

/// Lets nothing refer to what is not there: a reference that may be empty becomes so, a row that cannot do without goes.
async fn unhang(connection: &mut SqliteConnection) -> Result<usize, DbError> {
    let references: Vec<(String, String, String, String, bool)> = sqlx::query_as(
        "SELECT t.name, f.\"from\", f.\"table\", f.\"to\", c.\"notnull\" = 1 OR c.pk > 0
         FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f
         JOIN pragma_table_info(t.name) c ON c.name = f.\"from\"
         WHERE t.type = 'table' AND t.name NOT IN ('Jobs', 'Workers')",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut gone = 0;
    loop {
        let mut changed = 0;
        for (table, from, parent, to, needed) in &references {
            let hangs = format!(
                "\"{from}\" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \"{parent}\" p WHERE p.\"{to}\" = \"{table}\".\"{from}\")"
            );
            let cure = if *needed {
                format!("DELETE FROM \"{table}\" WHERE {hangs}")
            } else {
                format!("UPDATE \"{table}\" SET \"{from}\" = NULL WHERE {hangs}")
            };
            let rows = sqlx::query(AssertSqlSafe(cure)).execute(&mut *connection).await?.rows_affected();
            changed += rows;
            gone += if *needed { usize::try_from(rows).unwrap_or(usize::MAX) } else { 0 };
        }
        if changed == 0 {
            return Ok(gone);
        }
    }
}

/// A task with its place in apalis' table and in its lane.
#[cfg(test)]
pub(crate) type Promised = (i64, String, String, String, Option<i64>);

#[cfg(test)]
impl super::Db {
    /// What everybody was promised: number, words, state, `Jobs.status`, whether it is the head of its lane.
    pub(crate) async fn promised(&self) -> Vec<Promised> {
        let found = sqlx::query_as(
            "SELECT job.number, job.prompt, job.state, Jobs.status, l.head FROM job JOIN Jobs ON Jobs.id = job.id
             LEFT JOIN job_lane l ON l.job_id = job.id ORDER BY job.number",
        );
        found.fetch_all(self.read()).await.unwrap()
    }
}
