//! Any address that takes JSON: a chat's incoming hook, a program of the owner's.

use secrecy::ExposeSecret;
use serde_json::json;

use super::{Message, SendError, http};
use crate::config;

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook(pub(super) config::Webhook);

impl Webhook {
    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let alert = &message.alert;
        let body = json!({
            "rule": alert.rule.as_str(), "severity": alert.severity.as_str(), "key": alert.key, "subject": alert.subject,
            "words": message.words, "host": message.host, "at": message.at, "resolved": message.is_over(),
        });
        let mut request = http::client()?.post(self.0.url.expose_secret()).json(&body);
        if let Some(secret) = &self.0.secret {
            request = request.bearer_auth(secret.expose_secret());
        }
        http::ask(request, |text| Some(text.chars().take(200).collect())).await
    }

    /// Where it goes, as far as everybody may read it.
    pub(super) fn host(&self) -> String {
        let url = reqwest::Url::parse(self.0.url.expose_secret()).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }
}
