//! The dead man's switch of this system: it is told once a minute that we live, and only when the loop that keeps the posts has
//! turned since it was told last. So it goes silent when that loop stops, and not only when this process does.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use agentlab_domain::alert::Severity;
use agentlab_platform::{
    alert::{Book, Switch},
    clock,
    config::Config,
    pulse::Turns,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinHandle,
};

/// Between two words that we live.
const EVERY: Duration = Duration::from_mins(1);
/// How many words of what is wrong may wait.
const WAITING: usize = 10;

/// The switch; without one in the configuration it does nothing.
#[derive(Debug)]
pub(crate) struct Watched {
    posts: Arc<OnceLock<Turns>>,
    wrong: Option<(Sender<String>, JoinHandle<()>)>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.wrong {
            task.abort();
        }
    }
}

impl Watched {
    pub(crate) fn begin(config: &Config, book: Book) -> Self {
        let posts = Arc::new(OnceLock::new());
        let wrong = config.alerts.dead_mans_switch_url.clone().map(|url| {
            let (wrong, told) = channel(WAITING);
            (wrong, tokio::spawn(tell(Switch::at(url), Arc::clone(&posts), book, told)))
        });
        Self { posts, wrong }
    }

    /// The loop whose turns are told of.
    pub(crate) fn keeps(&self, turns: &Turns) {
        let _ = self.posts.set(turns.clone());
    }

    /// Says at once what is wrong.
    pub(crate) fn fail(&self, words: &str) {
        if let Some((wrong, _)) = &self.wrong {
            // Those that wait say enough.
            let _ = wrong.try_send(words.to_owned());
        }
    }
}

async fn tell(switch: Switch, posts: Arc<OnceLock<Turns>>, book: Book, mut wrong: Receiver<String>) {
    said(switch.start().await, "that we begin");
    let (mut known, mut next) = (0, clock::instant() + clock::scaled(EVERY));
    loop {
        let wait = next.saturating_duration_since(clock::instant());
        match tokio::time::timeout(wait, wrong.recv()).await {
            Ok(Some(words)) => {
                said(switch.fail(words).await, "that something is wrong");
                continue;
            }
            Ok(None) => return,
            Err(_) => next = clock::instant() + clock::scaled(EVERY),
        }
        let turns = posts.get().map_or(0, Turns::count);
        if turns == known {
            tracing::warn!(
                "the loop that keeps the posts has not turned: the dead man's switch is not told that we live"
            );
            continue;
        }
        known = turns;
        // As long as it lasts: the word that we live would say that all is well.
        let told = match critical(&book) {
            Some(words) => switch.fail(words).await,
            None => switch.alive().await,
        };
        said(told, "that we live");
    }
}

/// What is critical and lasts.
fn critical(book: &Book) -> Option<String> {
    let entries = book.read().into_values().filter(|entry| entry.over.is_none());
    let words: Vec<String> =
        entries.filter(|entry| entry.severity == Severity::Critical.as_str()).map(|entry| entry.words).collect();
    (!words.is_empty()).then(|| words.join("\n"))
}

fn said(told: Result<(), agentlab_platform::alert::SendError>, what: &str) {
    if let Err(error) = told {
        tracing::warn!(%error, "the dead man's switch was not told {what}");
    }
}
