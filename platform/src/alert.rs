//! Alerts: words to the owner that need neither database nor queue nor any other process of ours. An *alert* has a key, and
//! is given once a key; whoever noticed first gives it, and it counts as given only when Telegram has taken it.
//!
//! It is the road beside all others: what concerns a task goes by the outbox.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::Mutex,
    time::Duration,
};

use agentlab_domain::text::utf16_len;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use crate::{
    clock,
    config::Config,
    home::Home,
    lock::{Lock, Mode},
};

/// How long Telegram may take to answer.
pub const ANSWER: Duration = Duration::from_secs(10);
/// How many given alerts are remembered.
const REMEMBERED: usize = 200;
/// The longest text that Telegram takes, in UTF-16 units.
const LONGEST: usize = 4096;

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The owner has it.
    Now,
    /// It was given before.
    Before,
    /// Another process gives an alert at this moment, this one or another: ask again.
    NotYet,
    /// There is nobody to tell: no token, or no owner. It is in the log.
    Nobody,
}

/// Why an alert was not given.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("Telegram did not take the alert: {0}")]
    Telegram(String),
}

/// The keys that this process has given, by the file that should remember them: on a full disk it cannot.
static GIVEN: Mutex<BTreeSet<(std::path::PathBuf, String)>> = Mutex::new(BTreeSet::new());

/// Tells the owner once for `key`. It may be asked again and again: what failed is tried again with the next call.
pub async fn owner(home: &Home, config: &Config, key: &str, words: &str) -> Result<Told, AlertError> {
    let (Some(owner), Some(token)) = (config.owner(), &config.telegram.token) else {
        tracing::error!(key, "{words} (there is nobody to tell: no telegram.token, or no owner)");
        return Ok(Told::Nobody);
    };
    let path = home.alerts();
    if read(&path).contains_key(key) {
        return Ok(Told::Before);
    }
    // One process at a time, and none waits.
    let _turn = match Lock::try_take(&home.lock("alert"), Mode::Exclusive) {
        Ok(None) => return Ok(Told::NotYet),
        Ok(turn) => turn,
        // A disk that takes no file is no reason to be silent: at worst something is said twice.
        Err(error) => {
            tracing::warn!(%error, "the lock of alerts cannot be taken; I go on without it");
            None
        }
    };
    let mut given = read(&path);
    let own = (path.clone(), key.to_owned());
    if given.contains_key(key) || GIVEN.lock().is_ok_and(|given| given.contains(&own)) {
        return Ok(Told::Before);
    }
    send(config, token.expose_secret(), owner, words).await?;
    tracing::info!(key, "the owner was told");
    if let Ok(mut given) = GIVEN.lock() {
        given.insert(own);
    }
    given.insert(key.to_owned(), clock::now_ms());
    if let Err(error) = remember(&path, given) {
        tracing::warn!(%error, "that an alert was given cannot be noted; another process may give it again");
    }
    Ok(Told::Now)
}

/// What Telegram says when it refuses.
#[derive(Debug, Deserialize)]
struct Refusal {
    description: String,
}

async fn send(config: &Config, token: &str, owner: i64, words: &str) -> Result<(), AlertError> {
    let url = format!("{}/bot{token}/sendMessage", config.telegram.api_url.trim_end_matches('/'));
    // An error of reqwest names the URL, and the token is in it.
    let plain = |error: reqwest::Error| AlertError::Telegram(causes(&error.without_url()).replace(token, "[token]"));
    let client = reqwest::Client::builder().timeout(clock::scaled(ANSWER)).build().map_err(plain)?;
    let message = json!({ "chat_id": owner, "text": shortened(words) });
    let answer = client.post(url).json(&message).send().await.map_err(plain)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    // The status says enough where the rest is no answer of Telegram's.
    let why = answer.json::<Refusal>().await.map(|refusal| refusal.description).unwrap_or_default();
    let why: String = why.replace(token, "[token]").chars().take(200).collect();
    Err(AlertError::Telegram(format!("{status} {why}").trim_end().to_owned()))
}

/// An error with what caused it: "error sending request" alone helps nobody.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

/// A text that is too long would be refused for ever.
fn shortened(words: &str) -> String {
    if utf16_len(words) <= LONGEST {
        return words.to_owned();
    }
    let mut units = 1;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= LONGEST
    };
    words.chars().take_while(fits).chain(['…']).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_to_what_telegram_takes() {
        assert_eq!(shortened("short"), "short");
        for text in ["x".repeat(5000), "😀".repeat(2049), format!("x{}", "😀".repeat(2100))] {
            let short = shortened(&text);
            assert!(short.ends_with('…') && (LONGEST - 2..=LONGEST).contains(&utf16_len(&short)), "{}", short.len());
        }
        assert_eq!(shortened(&"😀".repeat(2048)).chars().count(), 2048);
    }

    #[test]
    fn the_oldest_keys_are_forgotten_and_a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.json");
        std::fs::write(&path, "{\"a\": 1, \"b").unwrap();
        assert_eq!(read(&path), BTreeMap::new());
        let many = (0..300_i64).map(|at| (format!("key-{at}"), at)).collect();
        remember(&path, many).unwrap();
        let kept = read(&path);
        assert!(kept.len() == REMEMBERED && kept.contains_key("key-299") && !kept.contains_key("key-99"));
    }
}
