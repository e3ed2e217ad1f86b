//! The book of alerts, `run/alerts.json`: what fires, what was, and when each channel took it. Every process reads and writes it
//! in turn; no database is needed. Whole or not at all: it is renamed into place, and a damaged one is begun anew, so that at
//! worst something is said twice. On a disk that takes nothing each process goes on with its own.
//!
//! Ages are those of the system's monotonic clock, which all processes of one boot share: a clock that is set says nothing.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentlab_domain::alert::{
    Severity,
    delivery::{Given, Occasion},
    words::span,
};
use serde::{Deserialize, Serialize};

use super::Alert;
use crate::{
    clock,
    home::Home,
    identity,
    lock::{Lock, Mode},
};

/// So many are remembered.
const REMEMBERED: usize = 200;

/// One alert, by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub rule: String,
    pub severity: String,
    pub subject: String,
    pub words: String,
    /// Unix milliseconds, for people.
    pub began: i64,
    /// `None` while it lasts.
    pub over: Option<i64>,
    /// What each channel took last.
    #[serde(default)]
    pub told: BTreeMap<String, Told>,
    /// What each channel answered that did not take it.
    #[serde(default)]
    pub failed: BTreeMap<String, String>,
}

/// What a channel took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Unix milliseconds, for people.
    pub at: i64,
    /// The boot in which it was, and the monotonic milliseconds of that boot.
    boot: String,
    ms: i64,
    /// It was told that it lasts, and not that it is over.
    pub open: bool,
}

impl Entry {
    /// For how long it has lasted, for people; `None` when it is over.
    pub fn lasts(&self) -> Option<String> {
        let since = u64::try_from(clock::now_ms() - self.began).unwrap_or_default();
        self.over.is_none().then(|| span(Duration::from_millis(since)))
    }
}

/// Every entry by its key.
pub type Entries = BTreeMap<String, Entry>;

/// The book, and what this process knows of it.
#[derive(Debug, Clone)]
pub struct Book {
    path: PathBuf,
    lock: PathBuf,
    own: Arc<Mutex<Entries>>,
}

impl Book {
    /// The book of this home.
    pub fn of(home: &Home) -> Self {
        Self { path: home.alerts(), lock: home.lock("alerts"), own: Arc::default() }
    }

    /// All that is known.
    pub fn read(&self) -> Entries {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        merged(read(&self.path), own)
    }

    /// Notes that it is offered; a new episode begins where the last one is over.
    pub fn begin(&self, alert: &Alert) {
        let lasts = match alert.occasion {
            Occasion::Lasts => true,
            Occasion::Once | Occasion::Event => false,
            Occasion::Over => return,
        };
        if lasts && self.read().get(&alert.key).is_some_and(|entry| entry.over.is_none() && entry.words == alert.words)
        {
            return;
        }
        self.change(|entries| {
            if let Some(entry) = entries.get_mut(&alert.key).filter(|entry| lasts && entry.over.is_none()) {
                // It has grown worse, or older.
                entry.words.clone_from(&alert.words);
                return;
            }
            let known = entries.get(&alert.key);
            if known.is_some() && alert.occasion == Occasion::Once {
                return;
            }
            let now = clock::now_ms();
            let since = now - i64::try_from(alert.held.as_millis()).unwrap_or_default();
            let entry = Entry {
                rule: alert.rule.as_str().into(),
                severity: alert.severity.as_str().into(),
                subject: alert.subject.clone(),
                words: alert.words.clone(),
                // One key never has two beginnings at one time, and none before the end of the last one.
                began: known.map_or(since, |entry| since.max(entry.over.unwrap_or(entry.began) + 1)),
                over: None,
                told: known.map(|entry| entry.told.clone()).unwrap_or_default(),
                failed: BTreeMap::new(),
            };
            // What happened is over with its beginning.
            let over = (!lasts).then_some(entry.began);
            entries.insert(alert.key.clone(), Entry { over, ..entry });
        });
    }

    /// Notes that it is over.
    pub fn over(&self, key: &str) {
        if self.read().get(key).is_some_and(|entry| entry.over.is_none()) {
            self.change(|entries| {
                if let Some(entry) = entries.get_mut(key) {
                    entry.over = entry.over.or_else(|| Some(clock::now_ms().max(entry.began)));
                }
            });
        }
    }

    /// What this channel was given under this key.
    pub(super) fn given(&self, key: &str, channel: &str) -> Option<Given> {
        let entries = self.read();
        let told = entries.get(key)?.told.get(channel)?;
        Some(Given { since: told.age(), open: told.open })
    }

    /// Notes that the channel has taken it.
    pub(super) fn told(&self, alert: &Alert, channel: &str) {
        let open = alert.occasion == Occasion::Lasts;
        self.change(|entries| {
            let Some(entry) = entries.get_mut(&alert.key) else { return };
            entry.failed.remove(channel);
            let (boot, ms) = moment();
            entry.told.insert(channel.to_owned(), Told { at: clock::now_ms(), boot, ms, open });
        });
    }

    /// Notes why the channel did not take it.
    pub(super) fn failed(&self, key: &str, channel: &str, why: &str) {
        self.change(|entries| {
            if let Some(entry) = entries.get_mut(key) {
                entry.failed.insert(channel.to_owned(), why.to_owned());
            }
        });
    }

    /// When the file was changed last, for those who copy it.
    pub fn changed_at(&self) -> Option<std::time::SystemTime> {
        std::fs::metadata(&self.path).and_then(|found| found.modified()).ok()
    }

    fn change(&self, change: impl FnOnce(&mut Entries)) {
        // Held for a moment each time; who cannot have it goes on without: at worst something is said twice.
        let _turn = Lock::take(&self.lock, Mode::Exclusive).ok().flatten();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = merged(read(&self.path), std::mem::take(&mut *own));
        change(&mut entries);
        forget_old(&mut entries);
        if let Err(error) = write(&self.path, &entries) {
            tracing::warn!(%error, "the book of alerts cannot be written; another process may repeat one");
        }
        *own = entries;
    }
}

/// What fires in this home, worst first.
pub fn firing(home: &Home) -> Vec<Entry> {
    let mut firing: Vec<Entry> = read(&home.alerts()).into_values().filter(|entry| entry.over.is_none()).collect();
    firing.sort_by_key(|entry| (std::cmp::Reverse(Severity::parse(&entry.severity)), entry.began));
    firing
}

impl Told {
    /// For how long it has been told. Of an earlier boot at least this one's time is known.
    fn age(&self) -> Duration {
        let (boot, now) = moment();
        let since = if boot == self.boot { now.saturating_sub(self.ms) } else { now };
        Duration::from_millis(u64::try_from(since).unwrap_or_default())
    }
}

fn moment() -> (String, i64) {
    (identity::boot().unwrap_or_default(), clock::boot_ms())
}

/// What is newer of each, from two that may know different things.
fn merged(mut file: Entries, own: Entries) -> Entries {
    for (key, mine) in own {
        match file.get_mut(&key) {
            Some(theirs) if theirs.began > mine.began => keep_newer(&mut theirs.told, mine.told),
            Some(theirs) if theirs.began == mine.began => {
                theirs.over = theirs.over.or(mine.over);
                keep_newer(&mut theirs.told, mine.told);
            }
            Some(theirs) => {
                let told = std::mem::replace(theirs, mine).told;
                keep_newer(&mut theirs.told, told);
            }
            None => drop(file.insert(key, mine)),
        }
    }
    file
}

fn keep_newer(told: &mut BTreeMap<String, Told>, other: BTreeMap<String, Told>) {
    for (channel, other) in other {
        match told.get(&channel) {
            Some(known) if known.at >= other.at => {}
            Some(_) | None => drop(told.insert(channel, other)),
        }
    }
}

/// The oldest go, those that fire last.
fn forget_old(entries: &mut Entries) {
    while entries.len() > REMEMBERED {
        let oldest =
            entries.iter().min_by_key(|(_, entry)| (entry.over.is_none(), entry.began)).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { break };
        entries.remove(&oldest);
    }
}

fn read(path: &Path) -> Entries {
    // Damaged, of an earlier form, or not there: at worst something is said twice.
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write(path: &Path, entries: &Entries) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    // One that was left behind may have another mode.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(&serde_json::to_vec(entries)?)?;
    std::fs::rename(new, path)
}
