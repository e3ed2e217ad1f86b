//! Telegram, straight to its HTTP: the owner of this system reads it in the chat with the bot.

use agentlab_domain::alert::Severity;
use reqwest::multipart::{Form, Part};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{Message, SendError, channel::shortened, http};
use crate::config::Config;

/// The longest text that Telegram takes, in UTF-16 units.
const LONGEST: usize = 4096;

/// The chat of the owner.
#[derive(Debug, Clone)]
pub struct Telegram {
    pub(super) least: Severity,
    pub(super) owner: i64,
    token: SecretString,
    api_url: String,
}

/// What Telegram says when it refuses.
#[derive(Debug, Deserialize)]
struct Refusal {
    description: String,
}

impl Telegram {
    /// `None` without a token or an owner.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let (owner, token) = (config.owner()?, config.telegram.token.clone()?);
        Some(Self { least: config.alerts.telegram_least, owner, token, api_url: config.telegram.api_url.clone() })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = json!({ "chat_id": self.owner, "text": shortened(&message.words, LONGEST) });
        http::ask(http::client()?.post(self.url("sendMessage")).json(&body), said).await?;
        // The words have arrived, and that is what counts.
        if let Err(error) = self.document(message).await {
            tracing::warn!(
                error = error.replace(self.token.expose_secret(), "[token]"),
                "the bundle was not sent along"
            );
        }
        Ok(())
    }

    async fn document(&self, message: &Message) -> Result<(), String> {
        let Some((name, bytes)) = message.bundle().await else { return Ok(()) };
        let part = Part::bytes(bytes).file_name(name).mime_str("text/plain").map_err(|error| error.to_string())?;
        let form = Form::new().text("chat_id", self.owner.to_string()).part("document", part);
        let request = http::client().map_err(|error| error.to_string())?.post(self.url("sendDocument")).multipart(form);
        http::ask(request, said).await.map_err(|error| error.to_string())
    }

    fn url(&self, method: &str) -> String {
        format!("{}/bot{}/{method}", self.api_url.trim_end_matches('/'), self.token.expose_secret())
    }
}

/// The status says enough where the rest is no answer of Telegram's.
fn said(text: &str) -> Option<String> {
    serde_json::from_str::<Refusal>(text).ok().map(|refusal| refusal.description)
}
