//! What is counted from the rows, as of one look. A look may take long where there are many rows, or never end where the database is
//! locked: so it is made beside the request, which waits a moment for it and takes the last one otherwise. Looks take a tenth of the
//! time at most, however often somebody asks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use agentlab_platform::{
    clock,
    db::{DbError, stock::Stock, tally::Tallies},
    life::Life,
};
use tokio::sync::watch;

/// How long a request waits for a look.
const WAIT: Duration = Duration::from_millis(50);
/// A look that takes longer than this finds the database in use by somebody who lets nobody read.
const LONGEST: Duration = Duration::from_secs(20);
/// A look that has not come back after this time may never do so.
const LATE: Duration = Duration::from_secs(5);
/// What was seen so long ago is not told any more.
const OLD: Duration = Duration::from_mins(2);
/// A look stands for so many times as long as it took.
const SHARE: u32 = 10;

/// All that the rows say.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) tallies: Tallies,
    pub(super) stock: Stock,
    pub(super) at: Instant,
    pub(super) took: Duration,
}

/// What is known of the rows.
#[derive(Debug, Clone, Default)]
struct Known {
    counted: Option<Arc<Counted>>,
    /// The last look failed.
    failed: bool,
    /// How many looks came back.
    looks: u64,
}

/// The looks.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    known: watch::Sender<Known>,
    /// Since when a look is under way.
    looking: Arc<Mutex<Option<Instant>>>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { known: watch::Sender::new(Known::default()), looking: Arc::default() }
    }
}

impl Rows {
    /// What the rows say now, or said a moment ago; `None` where they cannot be read.
    pub(super) async fn counted(&self, life: &Arc<Life>) -> Option<Arc<Counted>> {
        let fresh =
            self.known.borrow().counted.as_ref().is_some_and(|counted| counted.at.elapsed() < counted.took * SHARE);
        if !fresh {
            let before = self.known.borrow().looks;
            let mut answers = self.known.subscribe();
            self.look(life);
            let _ = tokio::time::timeout(WAIT, answers.wait_for(|known| known.looks > before)).await;
        }
        // Connections that were opened before still read a file that is gone.
        let there = life.home.database().exists();
        let known = self.known.borrow().clone();
        let late = self.looking().is_some_and(|since| since.elapsed() >= clock::scaled(LATE));
        known.counted.filter(|counted| there && !known.failed && !late && counted.at.elapsed() < OLD)
    }

    fn looking(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a look, unless one is under way.
    fn look(&self, life: &Arc<Life>) {
        let mut looking = self.looking();
        if looking.is_some() {
            return;
        }
        let at = clock::instant();
        *looking = Some(at);
        let (rows, life) = (self.clone(), Arc::clone(life));
        tokio::spawn(async move {
            let read = tokio::time::timeout(LONGEST, read(&life)).await;
            let counted = match read {
                Ok(Ok((tallies, stock))) => Some(Arc::new(Counted { tallies, stock, at, took: at.elapsed() })),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the rows cannot be counted");
                    None
                }
                Err(_) => None,
            };
            *rows.looking() = None;
            rows.known.send_modify(|known| {
                known.looks += 1;
                known.failed = counted.is_none();
                known.counted = counted.or(known.counted.take());
            });
        });
    }
}

async fn read(life: &Life) -> Result<(Tallies, Stock), DbError> {
    Ok((life.db.tallies().await?, life.db.stock(life.config.workers.count).await?))
}
