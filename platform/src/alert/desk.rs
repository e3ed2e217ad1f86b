//! The desk: whoever has an alert to give hands it over here and goes on. Each channel has a loop of its own, which tries until
//! its channel has taken the message, the alert is over, or a day has passed.
//!
//! Handing over the same again and again is no harm: the book says what was given. Of several processes that notice the same
//! the first one gives it; they take turns at each channel, and nobody waits for long for one that stands still at his turn.

use std::time::{Duration, Instant};

use agentlab_domain::alert::delivery::{self, Occasion};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinSet,
};

use super::{Alert, Book, Channel, Message, SendError};
use crate::{
    clock,
    config::Config,
    home::Home,
    lock::{Lock, Mode},
    pulse::{Turns, limit},
    redaction::Redaction,
};

/// How many may wait on a channel.
const WAITING: usize = 50;
/// Between two looks of a loop that has nothing to do.
const IDLE: Duration = Duration::from_secs(30);
/// Between two looks whether it is our turn.
const TURN: Duration = Duration::from_millis(100);

/// The names of the loops, one for each channel.
pub const LOOPS: [&str; 5] = ["to-telegram", "to-desktop", "to-email", "to-sms", "to-webhook"];

/// Where alerts are handed over; its loops end with it.
#[derive(Debug)]
pub struct Desk {
    roads: Vec<Sender<Alert>>,
    book: Book,
    loops: JoinSet<()>,
    turns: Vec<Turns>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.loops.abort_all();
        // Who gives nothing more on purpose is not late.
        self.turns.iter().for_each(Turns::rest);
    }
}

impl Desk {
    /// Gives what it is handed from now on. Its loops are counted by `turns`. Must be called inside a runtime.
    pub fn begin(home: &Home, config: &Config, turns: impl Fn(&'static str) -> Turns) -> Self {
        let (book, secrets) = (Book::of(home), Redaction::of_logs(&config.secrets()));
        let cooldown = Duration::from_mins(config.alerts.cooldown_minutes);
        let (mut roads, mut loops, mut counted) = (Vec::new(), JoinSet::new(), Vec::new());
        for channel_of in Channel::configured(config) {
            let (road, offered) = channel(WAITING);
            roads.push(road);
            let turns = turns(loop_of(&channel_of));
            counted.push(turns.clone());
            let road = Road {
                lock: home.lock(&format!("alert-{}", channel_of.name())),
                turns,
                channel: channel_of,
                book: book.clone(),
                secrets: secrets.clone(),
                cooldown: clock::scaled(cooldown),
                waiting: Vec::new(),
            };
            loops.spawn(road.serve(offered));
        }
        Self { roads, book, loops, turns: counted }
    }

    /// The book of what was given.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Hands it over, to every channel. It is in the log in any case.
    pub fn tell(&self, alert: &Alert) {
        self.book.begin(alert);
        if alert.occasion == Occasion::Over {
            self.book.over(&alert.key);
        }
        for road in &self.roads {
            if let Err(error) = road.try_send(alert.clone()) {
                tracing::error!(%error, key = alert.key, "too many alerts wait on a channel: {}", alert.words);
            }
        }
    }

    /// Whether anybody can be reached.
    pub fn reaches_anybody(&self) -> bool {
        !self.roads.is_empty()
    }
}

const fn loop_of(channel: &Channel) -> &'static str {
    let [telegram, desktop, email, sms, webhook] = LOOPS;
    match channel {
        Channel::Telegram(_) => telegram,
        Channel::Desktop(_) => desktop,
        Channel::Email(_) => email,
        Channel::Sms(_) => sms,
        Channel::Webhook(_) => webhook,
    }
}

/// One channel, and what waits on it.
#[derive(Debug)]
struct Road {
    channel: Channel,
    lock: std::path::PathBuf,
    turns: Turns,
    book: Book,
    secrets: Redaction,
    cooldown: Duration,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    since: Instant,
    failed: u32,
    due: Instant,
}

impl Road {
    async fn serve(mut self, mut offered: Receiver<Alert>) {
        loop {
            self.turns.turn(limit::within(self.channel.turn() + IDLE));
            let now = clock::instant();
            let due = self.waiting.iter().map(|waiting| waiting.due.saturating_duration_since(now)).min();
            let idle = clock::scaled(IDLE);
            if let Ok(offer) = tokio::time::timeout(due.unwrap_or(idle).min(idle), offered.recv()).await {
                let Some(alert) = offer else { return };
                self.take_up(alert);
                // All that was handed over together, before the first of it is sent.
                while let Ok(alert) = offered.try_recv() {
                    self.take_up(alert);
                }
            }
            if let Some(next) = self.next() {
                self.give(next).await;
            }
        }
    }

    fn take_up(&mut self, alert: Alert) {
        if alert.severity < self.channel.least() {
            return;
        }
        let is_over = alert.occasion == Occasion::Over;
        // What is over needs not be told any more, and what lasts is not over.
        let stale = |waiting: &Waiting| waiting.message.alert.key == alert.key && waiting.message.is_over() != is_over;
        self.waiting.retain(|waiting| !stale(waiting));
        if let Some(same) = self.waiting.iter_mut().find(|waiting| waiting.message.alert.key == alert.key) {
            same.message = Message { at: same.message.at.clone(), ..Message::of(alert, &self.secrets) };
            return;
        }
        if !self.is_due(&alert) {
            return;
        }
        if self.waiting.len() >= WAITING {
            tracing::error!(
                channel = self.channel.name(),
                "too many alerts wait; this one is only here: {}",
                alert.words
            );
            return;
        }
        let now = clock::instant();
        self.waiting.push(Waiting { message: Message::of(alert, &self.secrets), since: now, failed: 0, due: now });
    }

    fn is_due(&self, alert: &Alert) -> bool {
        delivery::is_due(alert.occasion, self.book.given(&alert.key, self.channel.name()), self.cooldown)
    }

    /// What is due, the worst first.
    fn next(&mut self) -> Option<Waiting> {
        let now = clock::instant();
        let due = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.due <= now);
        let (at, _) = due.max_by_key(|(at, waiting)| (waiting.message.alert.severity, std::cmp::Reverse(*at)))?;
        Some(self.waiting.remove(at))
    }

    async fn give(&mut self, mut waiting: Waiting) {
        let _turn = self.turn().await;
        let (alert, channel) = (&waiting.message.alert, self.channel.name());
        if !self.is_due(alert) {
            return;
        }
        match self.channel.send(&waiting.message, &self.secrets).await {
            Ok(()) => {
                tracing::warn!(channel, key = alert.key, "told: {}", waiting.message.words);
                self.book.told(alert, channel);
            }
            Err(error) => {
                match &error {
                    SendError::Nobody(why) => tracing::debug!(channel, key = alert.key, why, "nobody to be told"),
                    SendError::Refused(_) | SendError::Late(_) => {
                        tracing::warn!(channel, key = alert.key, %error, "an alert was not taken; I try again");
                        self.book.failed(&alert.key, channel, &error.to_string());
                    }
                }
                if waiting.since.elapsed() >= clock::scaled(delivery::LONGEST) {
                    tracing::error!(channel, key = alert.key, "given up after a day: {}", waiting.message.words);
                    return;
                }
                waiting.failed += 1;
                waiting.due = clock::instant() + clock::scaled(delivery::wait(waiting.failed));
                self.waiting.push(waiting);
            }
        }
    }

    /// Waits for our turn at this channel. Without it after a while: who stands still at his, or a disk that takes no file, is
    /// no reason to be silent; at worst something is said twice.
    async fn turn(&self) -> Option<Lock> {
        let began = clock::instant();
        while began.elapsed() < clock::scaled(self.channel.turn()) / 2 {
            match Lock::try_take(&self.lock, Mode::Exclusive) {
                Ok(Some(turn)) => return Some(turn),
                Ok(None) => tokio::time::sleep(TURN).await,
                Err(error) => {
                    tracing::warn!(%error, "the turn at a channel cannot be taken; I go on without it");
                    return None;
                }
            }
        }
        None
    }
}
