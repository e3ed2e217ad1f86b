//! Write transactions. A *ticket* is the lock file that writers take in turn before `SQLite`'s own write lock; it carries
//! fairness only, not correctness: a writer that never heard of it (someone's `sqlite3`) is still kept out by `SQLite`.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use fail::fail_point;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::{
    Db, DbError, damage,
    error::is_busy,
    promised::{self, Watched},
};
use crate::{
    clock, holder,
    home::Home,
    journal::{self, NotAppended},
    lock::Lock,
    lock::Mode,
    pulse::limit,
};

/// How long a writer waits for its turn before it says so.
const PATIENCE: Duration = limit::WRITE;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: whatever was promised.
    Full,
    /// The death of the process: heartbeats and progress.
    Normal,
}

/// An open write transaction; dropped without `commit` it leaves no trace.
#[derive(Debug)]
pub struct Write {
    // Dropped first: the rollback is queued before the next writer's turn.
    transaction: Transaction<'static, Sqlite>,
    /// Where it is promised: what it touched is in the journal before it is committed.
    promised: Option<(Home, Arc<Watched>)>,
    ticket: Lock,
}

impl Db {
    /// Waits for this writer's turn and begins. After this no statement meets a lock of anybody.
    pub async fn begin(&self, durability: Durability) -> Result<Write, DbError> {
        let started = clock::instant();
        let patience = clock::scaled(PATIENCE);
        let busy = || DbError::Busy { waited_ms: started.elapsed().as_millis(), by: self.locked_by() };
        // One limit for ticket and lock together: whoever waits in vain gives the ticket back in time.
        let begun = tokio::time::timeout(patience, self.begin_patiently(durability, patience)).await;
        begun.map_err(|_| busy())?.map_err(|error| if error.is_busy() { busy() } else { error })
    }

    /// Who has the database at this moment, for whoever waited in vain.
    fn locked_by(&self) -> String {
        match holder::blocker(&self.home) {
            Ok(Some(holder)) => format!("at last by {}", holder::called(&holder)),
            Ok(None) | Err(_) => "by one writer after the other".to_owned(),
        }
    }

    async fn begin_patiently(&self, durability: Durability, patience: Duration) -> Result<Write, DbError> {
        let ticket = self.ticket().await?;
        self.is_in_place()?;
        fail_point!("write-ticket");
        let pool = match durability {
            Durability::Full => &self.full,
            Durability::Normal => &self.normal,
        };
        self.make_room_in_the_wal(pool).await;
        let begin = || async { pool.begin_with("BEGIN IMMEDIATE").await };
        let policy = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(2))
            .with_max_delay(Duration::from_millis(50))
            .with_total_delay(Some(patience))
            .without_max_times()
            .with_jitter();
        let transaction = begin.retry(policy).when(is_busy).await?;
        let promised = match durability {
            Durability::Full => Some((self.home.clone(), self.promises())),
            Durability::Normal => None,
        };
        Ok(Write { transaction, promised, ticket })
    }

    pub(super) async fn ticket(&self) -> Result<Lock, DbError> {
        let path = self.home.lock("write");
        let failed = |error| DbError::File { path: path.clone(), error };
        if let Some(ticket) = Lock::try_take(&path, Mode::Exclusive).map_err(failed)? {
            return Ok(ticket);
        }
        let waiting = path.clone();
        tokio::task::spawn_blocking(move || Lock::wait(&waiting))
            .await
            .map_err(|error| failed(std::io::Error::other(error)))?
            .map_err(failed)
    }
}

impl Write {
    /// Ends it without a trace, and waits for that: dropping it would leave the connection to be closed.
    pub async fn rollback(self) -> Result<(), DbError> {
        Ok(self.transaction.rollback().await?)
    }

    /// Commits. What is promised is in the journal by then; a line that could not be written is a commit that did not happen.
    pub async fn commit(self) -> Result<(), DbError> {
        let Self { mut transaction, promised, ticket } = self;
        let mut appended = None;
        if let Some((home, watched)) = promised
            && let Some(line) = promised::line(&mut transaction, &watched).await?
        {
            let failed = |error| match error {
                NotAppended::Behind { last } => damage::behind(line.seq - 1, last),
                NotAppended::Io(error) => DbError::File { path: home.journal(), error },
            };
            let line = journal::append(&home, &line).map_err(failed)?;
            if line.gap
                && let Err(error) = journal::note(&home)
            {
                tracing::error!(%error, "the journal has a gap, which cannot be noted");
            }
            appended = Some(line);
        }
        let committed = transaction.commit().await;
        if committed.is_err()
            && let Some(appended) = appended
        {
            appended.take_back();
        }
        // Not before: the next writer's line stands behind ours.
        drop(ticket);
        Ok(committed?)
    }
}

impl Deref for Write {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}
