//! The database: one `SQLite` file in WAL mode. SQL lives only below this folder.
//!
//! A *write* is a `BEGIN IMMEDIATE` transaction behind a ticket: a lock file that writers take in turn, because `SQLite`'s
//! own waiting starves one of three writers (measured: 1.3-2.2 s; facts in docs/decisions/0006). Two pools, since a
//! pragma belongs to a connection: FULL for what must survive a power cut, NORMAL for heartbeats and progress.

pub mod alert;
pub(crate) mod backup;
pub mod begin;
pub mod budget;
pub mod cancel;
pub mod charts;
mod checkpoint;
pub mod circuit;
pub mod claim;
pub mod control;
pub mod crash;
pub mod damage;
mod end;
pub mod enqueue;
pub mod error;
mod export;
pub mod finish;
pub mod gone;
mod hold;
pub(crate) mod import;
pub mod intake;
pub mod intervention;
pub mod jobs;
mod lanes;
mod measure;
pub mod migrate;
mod obey;
pub mod orphans;
pub mod outage;
pub mod outbox;
mod park;
pub mod past;
pub mod pause;
pub mod process;
pub mod progress;
mod promised;
pub mod prune;
mod rate;
pub mod recovery;
pub mod release;
pub(crate) mod replay;
pub mod report;
pub mod retry;
mod room;
pub(crate) mod rows;
mod rows_of;
pub mod runs;
mod said;
pub mod session;
pub mod sql;
pub mod status;
pub mod stock;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod update;
mod upgrade;
pub mod uptime;
mod wall;
pub(crate) mod whole;
pub mod write;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentlab_domain::budget::Limits;

use sqlx::{
    Connection, SqlitePool,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use error::DbError;
use promised::Watched;
pub use write::{Durability, Write};

use crate::{
    config::Config,
    home::Home,
    lock::{Lock, Mode},
    pulse::limit,
};

/// Bytes of the WAL that stay when it begins anew: 4 MiB, about what a checkpoint moves at a time.
pub(crate) const WAL_KEPT: u64 = 4 * 1024 * 1024;

/// What the configuration says to transactions.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    pub limits: Limits,
    /// Who is told what concerns the whole system.
    pub owner: Option<i64>,
    /// Below so many free MiB nothing new is taken.
    pub floor_mb: Option<u64>,
}

impl From<&Config> for Terms {
    fn from(config: &Config) -> Self {
        Self { limits: config.budget.limits(), owner: config.owner(), floor_mb: config.disk.floor_mb }
    }
}

/// An open database.
#[derive(Debug, Clone)]
pub struct Db {
    full: SqlitePool,
    normal: SqlitePool,
    home: Home,
    terms: Arc<Terms>,
    /// What of promised transactions is noted for the journal.
    watched: Arc<Mutex<Arc<Watched>>>,
    /// The file that was opened; `None` where that is not known yet.
    opened: Option<gone::File>,
    /// Held shared for life (rule L3): nobody restores under us.
    in_use: Arc<Mutex<Option<Lock>>>,
}

impl Db {
    /// Opens the database of this home and brings its schema up to date.
    pub async fn open(home: &Home) -> Result<Self, DbError> {
        gone::refuse(home)?;
        let db = Self::as_it_is(home)?;
        if let Err(error) = migrate::run(&db).await {
            // Waited for: whoever sets the file aside next must not meet what closes late.
            db.let_go().await;
            return Err(error);
        }
        // It may have brought the schema up to date, and would hold the file beside its successor.
        db.full.close().await;
        let watched = Arc::clone(&db.watched);
        // In the schema as it is now.
        let full = pool_of(1)
            .after_connect(move |connection, _| {
                let watched = Arc::clone(&watched);
                Box::pin(async move {
                    let tables = Arc::new(promised::watch(connection).await?);
                    *watched.lock().unwrap_or_else(PoisonError::into_inner) = tables;
                    Ok(())
                })
            })
            .connect_lazy_with(options(&home.database(), SqliteSynchronous::Full));
        Ok(Self { full, opened: gone::file(home), ..db })
    }

    /// The same without bringing its schema up to date.
    fn as_it_is(home: &Home) -> Result<Self, DbError> {
        let path = home.database();
        let in_use = Lock::try_take(&home.lock("db"), Mode::Shared)
            .map_err(|error| DbError::File { path: home.lock("db"), error })?
            .ok_or(DbError::SetAside)?;
        Ok(Self {
            full: pool(&path, SqliteSynchronous::Full, 1),
            normal: pool(&path, SqliteSynchronous::Normal, 2),
            home: home.clone(),
            terms: Arc::default(),
            watched: Arc::default(),
            opened: None,
            in_use: Arc::new(Mutex::new(Some(in_use))),
        })
    }

    /// The same database under the terms of a configuration.
    pub fn under(mut self, terms: Terms) -> Self {
        self.terms = Arc::new(terms);
        self
    }

    /// The same database by a reading connection of its own: who uses the others keeps nobody waiting here.
    pub fn apart(&self) -> Self {
        let path = self.home.database();
        Self { normal: pool(&path, SqliteSynchronous::Normal, 1), ..self.clone() }
    }

    /// Lets go of it, for all clones: it is to be restored. Nothing can be done with it any more.
    pub async fn let_go(&self) {
        self.full.close().await;
        self.normal.close().await;
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    fn promises(&self) -> Arc<Watched> {
        Arc::clone(&self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Connections for reading.
    pub(crate) const fn read(&self) -> &SqlitePool {
        &self.normal
    }

    /// The home that this database belongs to.
    pub const fn home(&self) -> &Home {
        &self.home
    }
}

fn pool(path: &Path, synchronous: SqliteSynchronous, connections: u32) -> SqlitePool {
    pool_of(connections).connect_lazy_with(options(path, synchronous))
}

fn pool_of(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(0)
        .max_connections(connections)
        .acquire_timeout(limit::READ)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk makes SQLite roll back by itself; sqlx then still counts a transaction, and such a connection would
        // refuse every later one. It is closed instead.
        .before_acquire(|connection, _| {
            let open = connection.is_in_transaction();
            Box::pin(async move { Ok(!open) })
        })
}

/// The pragmas of every connection. `busy_timeout` is short: the fair waiting is `write::begin`'s.
fn options(path: &Path, synchronous: SqliteSynchronous) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Only where the file is made: what is pruned can be given back to the disk some pages at a time.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(500))
        // KiB: six processes share little; the pages in use are few.
        .pragma("cache_size", "-512")
        // What a long reader let the WAL grow to is given back when it begins anew.
        .pragma("journal_size_limit", WAL_KEPT.to_string());
    // Elsewhere fsync already reaches the platter (rule R9).
    if cfg!(target_os = "macos") {
        options.pragma("fullfsync", "1").pragma("checkpoint_fullfsync", "1")
    } else {
        options
    }
}
