//! Alerts of the supervisor, beside all that it does: whoever has one to give hands it over and goes on. It is tried until the
//! owner has it, or nobody is there to be told.

use std::time::Duration;

use agentlab_platform::{
    alert::{self, Told},
    clock,
    config::Config,
    home::Home,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(15);
/// How many may wait to be given.
const WAITING: usize = 50;

#[derive(Debug)]
struct Alert {
    key: String,
    words: String,
}

/// Where alerts are handed over.
#[derive(Debug, Clone)]
pub struct Alerts(Sender<Alert>);

impl Alerts {
    /// Gives what it is handed from now on, until the last of these is gone. Must be called inside a runtime.
    pub fn begin(home: &Home, config: &Config) -> Self {
        let (alerts, asked) = channel(WAITING);
        tokio::spawn(give_all(home.clone(), config.clone(), asked));
        Self(alerts)
    }

    /// Tells the owner once for `key`, as soon as that is possible. It is in the log in any case.
    pub fn tell(&self, key: String, words: String) {
        if let Err(error) = self.0.try_send(Alert { key, words }) {
            tracing::error!(%error, "too many alerts wait to be given; this one is only here");
        }
    }
}

async fn give_all(home: Home, config: Config, mut asked: Receiver<Alert>) {
    let mut waiting: Vec<Alert> = Vec::new();
    loop {
        let next = if waiting.is_empty() {
            asked.recv().await
        } else {
            match tokio::time::timeout(clock::scaled(AGAIN), asked.recv()).await {
                Ok(next) => next,
                Err(_) => waiting.pop(),
            }
        };
        let Some(alert) = next else { return };
        if waiting.iter().any(|other| other.key == alert.key) {
            continue;
        }
        if !give(&home, &config, &alert).await && waiting.len() < WAITING {
            // Behind those that wait longer.
            waiting.insert(0, alert);
        }
    }
}

/// Whether it needs to be given no more.
async fn give(home: &Home, config: &Config, alert: &Alert) -> bool {
    match alert::owner(home, config, &alert.key, &alert.words).await {
        Ok(Told::Now) => tracing::warn!(words = alert.words, "told the owner"),
        Ok(Told::Nobody) => tracing::warn!(words = alert.words, "there is no owner to be told"),
        Ok(Told::Before) => {}
        Ok(Told::NotYet) => return false,
        Err(error) => {
            tracing::warn!(%error, words = alert.words, "the owner could not be told; I try again");
            return false;
        }
    }
    true
}
