//! The dead man's switch of this system: it is told once a minute that we live, and only when the loop that keeps the posts has
//! turned since it was told last. So it goes silent when that loop stops, and not only when this process does.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use agentlab_domain::{
    alert::{Severity, delivery::Occasion},
    watch,
};
use agentlab_platform::{
    alert::{Alert, Book, Switch, book::Entry},
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
    wrong: Option<(Sender<Alert>, JoinHandle<()>)>,
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

    /// Says at once what is wrong. It must be in the book: what is over when its turn comes is not said.
    pub(crate) fn fail(&self, alert: &Alert) {
        if let Some((wrong, _)) = &self.wrong {
            // Those that wait say enough.
            let _ = wrong.try_send(alert.clone());
        }
    }
}

async fn tell(switch: Switch, posts: Arc<OnceLock<Turns>>, book: Book, mut wrong: Receiver<Alert>) {
    said(switch.start().await, "that we begin");
    let (mut known, mut next) = (0, clock::instant() + clock::scaled(EVERY));
    loop {
        let wait = next.saturating_duration_since(clock::instant());
        match tokio::time::timeout(wait, wrong.recv()).await {
            Ok(Some(alert)) => {
                if is_so(&book, &alert) {
                    said(switch.fail(alert.words).await, "that something is wrong");
                }
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
    let lasts = |(key, entry): &(String, Entry)| {
        let critical = entry.severity == Severity::Critical.as_str();
        critical && entry.over.is_none() && !watch::is_refuted_by_life(key)
    };
    let line = |(_, entry): (String, Entry)| format!("for {}: {}", entry.lasts().unwrap_or_default(), entry.words);
    let words: Vec<String> = book.read().into_iter().filter(lasts).map(line).collect();
    (!words.is_empty()).then(|| words.join("\n"))
}

/// Whether what lasted when it was handed over still does; what happened once stays so.
fn is_so(book: &Book, alert: &Alert) -> bool {
    match alert.occasion {
        Occasion::Once | Occasion::Event => true,
        Occasion::Lasts => book.read().get(&alert.key).is_some_and(|entry| entry.over.is_none()),
        Occasion::Over => false,
    }
}

fn said(told: Result<(), agentlab_platform::alert::SendError>, what: &str) {
    if let Err(error) = told {
        tracing::warn!(%error, "the dead man's switch was not told {what}");
    }
}

#[cfg(test)]
mod tests {
    use agentlab_domain::watch::Verdict;
    use agentlab_platform::home::Home;

    use super::*;

    #[test]
    fn only_what_still_lasts_and_our_life_does_not_refute_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::of(&Home::at(folder.path().join("h")).unwrap());
        let lasts = |key: &str| Alert {
            severity: Severity::Critical,
            occasion: Occasion::Lasts,
            ..Alert::once(key.into(), format!("about {key}"))
        };
        // What the console told while we stood still, and has not yet called over.
        book.begin(&lasts(&watch::key(&Verdict::Stopped, "supervisor.1")));
        book.begin(&lasts(&watch::key(&Verdict::Gone, "supervisor.0")));
        assert_eq!(critical(&book), None);
        let disk = lasts("disk_full:disk");
        assert!(!is_so(&book, &disk), "not in the book");
        book.begin(&disk);
        assert_eq!((critical(&book).as_deref(), is_so(&book, &disk)), (Some("for 0 s: about disk_full:disk"), true));
        book.over(&disk.key);
        assert_eq!((critical(&book), is_so(&book, &disk)), (None, false));
        assert!(is_so(&book, &Alert { occasion: Occasion::Once, ..disk }));
    }
}
