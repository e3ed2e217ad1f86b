//! Alerts: words to people about the system itself that need neither database nor queue nor any other process of ours. What is
//! wrong, and when it is said again, is decided in `agentlab_domain::alert`.
//!
//! A *channel* is one road to somebody; each has a file here, a loop of its own (`desk`), a time limit and its own tries, so that
//! one that is dead or hangs delays no other. What was given is in a file (`book`), for whichever process comes next.
//!
//! What concerns a task goes by the outbox, not by this.

pub mod book;
pub mod channel;
mod desk;
mod desktop;
mod email;
mod http;
mod sms;
mod switch;
mod telegram;
mod webhook;

use std::{path::PathBuf, time::Duration};

use agentlab_domain::alert::{Rule, Severity, delivery::Occasion};

pub use book::Book;
pub use channel::{Channel, Message, SendError};
pub use desk::{Desk, LOOPS};
pub use switch::Switch;

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Which alert it is: what is given once under it is not given again, or not within the cooldown.
    pub key: String,
    pub rule: Rule,
    pub severity: Severity,
    /// The part of the system that it is about.
    pub subject: String,
    pub words: String,
    pub occasion: Occasion,
    /// For so long it had been so when it was handed over first.
    pub held: Duration,
    /// A file with all that is known; where a channel can carry it, it goes along.
    pub bundle: Option<PathBuf>,
}

impl Alert {
    /// Something that was done, or could not be, once.
    pub fn once(key: String, words: String) -> Self {
        let subject = key.split(':').next().unwrap_or_default().to_owned();
        let (rule, severity) = (Rule::RecoveryAction, Severity::Warning);
        Self { key, rule, severity, subject, words, occasion: Occasion::Once, held: Duration::ZERO, bundle: None }
    }
}
