//! Alerts of the supervisor, beside all that it does: whoever has one to give hands it over and goes on. What is critical goes to
//! the dead man's switch too.

use std::sync::Arc;

use agentlab_domain::alert::{Severity, delivery::Occasion};
use agentlab_platform::{
    alert::{Alert, Book, Desk},
    config::Config,
    home::Home,
    pulse::Turns,
};

use crate::switch::Watched;

/// Where alerts are handed over.
#[derive(Debug, Clone)]
pub struct Alerts {
    desk: Arc<Desk>,
    switch: Arc<Watched>,
}

impl Alerts {
    /// Gives what it is handed from now on, until the last of these is gone. Must be called inside a runtime.
    pub fn begin(home: &Home, config: &Config, turns: impl Fn(&'static str) -> Turns) -> Self {
        let desk = Desk::begin(home, config, turns);
        let switch = Watched::begin(config, desk.book().clone());
        Self { desk: Arc::new(desk), switch: Arc::new(switch) }
    }

    /// Tells once for `key` of something that was done, or could not be.
    pub fn tell(&self, key: String, words: String) {
        self.give(&Alert::once(key, words));
    }

    /// Hands an alert over; the same may be handed over again.
    pub fn give(&self, alert: &Alert) {
        let is_news = alert.occasion != Occasion::Lasts && !self.book().read().contains_key(&alert.key);
        if is_news {
            tracing::error!(key = alert.key, "{}", alert.words);
        }
        self.desk.tell(alert);
        if is_news && alert.severity == Severity::Critical && alert.occasion != Occasion::Over {
            self.switch.fail(alert);
        }
        if is_news && !self.desk.reaches_anybody() {
            tracing::error!("there is nobody to be told: no channel of alerts is configured");
        }
    }

    /// Something begins to fire.
    pub(crate) fn begins(&self, alert: &Alert) {
        tracing::error!(key = alert.key, "{}", alert.words);
        self.desk.tell(alert);
        if alert.severity == Severity::Critical {
            self.switch.fail(alert);
        }
    }

    /// What was given, and what fires.
    pub(crate) fn book(&self) -> &Book {
        self.desk.book()
    }

    /// The loop whose turns the dead man's switch tells of.
    pub(crate) fn keeps(&self, turns: &Turns) {
        self.switch.keeps(turns);
    }
}
