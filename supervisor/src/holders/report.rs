//! Saying what was noticed and done about a locked database. Nothing here keeps the watch waiting: the alert goes out beside
//! it, and the row is written when there is a database that takes it.

use std::time::Duration;

use agentlab_domain::{
    ladder::Rung,
    role::{Post, Role},
};
use agentlab_platform::{clock, db::Db, life::Note};
use tokio::sync::{mpsc, watch};

use crate::{News, alerts::Alerts};

/// Whose recovery it was: the watch is the supervisor's.
const POST: Post = Post { role: Role::Supervisor, slot: 0 };
/// Between two attempts to write a row.
const AGAIN: Duration = Duration::from_secs(10);

/// The roads.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    alerts: Alerts,
    note: Note,
    news: mpsc::UnboundedSender<News>,
    rows: mpsc::UnboundedSender<String>,
    db: watch::Sender<Option<Db>>,
}

impl Reports {
    pub(super) fn begin(alerts: Alerts, note: Note, news: mpsc::UnboundedSender<News>) -> Self {
        let (rows, to_write) = mpsc::unbounded_channel();
        let (db, opened) = watch::channel(None);
        tokio::spawn(write(to_write, opened));
        Self { alerts, note, news, rows, db }
    }

    pub(super) fn entered(&self, db: &Db) {
        self.db.send_replace(Some(db.clone()));
    }

    /// To the terminal and into the log.
    pub(super) fn say(&self, words: String) {
        tracing::error!("{words}");
        // Nobody listens any more: the supervisor stops.
        let _ = self.news.send(News::Locked { words });
    }

    /// For as long as it lasts, to whoever asks.
    pub(super) fn note(&self, words: Option<String>) {
        self.note.set(words);
    }

    /// Into a row, once there is a database that takes it.
    pub(super) fn row(&self, words: String) {
        let _ = self.rows.send(words);
    }

    /// To the owner, as often as it takes.
    pub(super) fn alert(&self, key: String, words: String) {
        self.alerts.tell(key, words);
    }

    pub(super) fn alerts(&self) -> Alerts {
        self.alerts.clone()
    }
}

/// Writes each row once it can be written.
async fn write(mut rows: mpsc::UnboundedReceiver<String>, mut opened: watch::Receiver<Option<Db>>) {
    while let Some(words) = rows.recv().await {
        loop {
            let Ok(db) = opened.wait_for(Option::is_some).await.map(|db| db.clone()) else { return };
            let Some(db) = db else { continue };
            match db.recovered(POST, Rung::EndHolders, true, &words).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, "what was done about a locked database is written later"),
            }
            tokio::time::sleep(clock::scaled(AGAIN)).await;
        }
    }
}
