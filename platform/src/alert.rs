//! Alerts: words to the owner that need neither database nor queue nor any other process of ours. An *alert* has a key, and
//! is given once a key; whoever noticed first gives it, and it counts as given only when Telegram has taken it.
//!
//! It is the road beside all others: what concerns a task goes by the outbox.

use std::{collections::BTreeMap, io, path::Path, time::Duration};

use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    clock,
    config::Config,
    home::Home,
    lock::{Lock, Mode},
};

/// How long Telegram may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How many given alerts are remembered.
const REMEMBERED: usize = 200;

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The owner has it.
    Now,
    /// It was given before.
    Before,
    /// Somebody gives an alert at this moment, this one or another: ask again.
    NotNow,
    /// There is nobody to tell: no token, or no owner. It is in the log.
    Nobody,
}

/// Why an alert was not given.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("the alert could not be noted: {0}")]
    File(#[from] io::Error),
    #[error("Telegram did not take the alert: {0}")]
    Telegram(String),
}

/// Tells the owner once for `key`. It may be asked again and again: what failed is tried again with the next call.
pub async fn owner(home: &Home, config: &Config, key: &str, words: &str) -> Result<Told, AlertError> {
    let (Some(owner), Some(token)) = (config.owner(), &config.telegram.token) else {
        return Ok(Told::Nobody);
    };
    let path = home.alerts();
    if read(&path).contains_key(key) {
        return Ok(Told::Before);
    }
    // One at a time, and nobody waits here.
    let Some(_turn) = Lock::try_take(&home.lock("alert"), Mode::Exclusive)? else { return Ok(Told::NotNow) };
    let mut given = read(&path);
    if given.contains_key(key) {
        return Ok(Told::Before);
    }
    let url = format!("{}/bot{}/sendMessage", config.telegram.api_url, token.expose_secret());
    // An error of reqwest names the URL, and the token is in it.
    let plain = |error: reqwest::Error| AlertError::Telegram(error.without_url().to_string());
    let client = reqwest::Client::builder().timeout(clock::scaled(ANSWER)).build().map_err(plain)?;
    let answer = client.post(url).json(&json!({ "chat_id": owner, "text": words })).send().await.map_err(plain)?;
    if !answer.status().is_success() {
        return Err(AlertError::Telegram(answer.status().to_string()));
    }
    given.insert(key.to_owned(), clock::now_ms());
    remember(&path, given)?;
    Ok(Told::Now)
}

fn read(path: &Path) -> BTreeMap<String, i64> {
    // Damaged or not there: at worst something is said twice.
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn remember(path: &Path, mut given: BTreeMap<String, i64>) -> io::Result<()> {
    while given.len() > REMEMBERED {
        let Some(oldest) = given.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone()) else { break };
        given.remove(&oldest);
    }
    let new = path.with_extension("new");
    std::fs::write(&new, serde_json::to_vec(&given)?)?;
    std::fs::rename(new, path)
}
