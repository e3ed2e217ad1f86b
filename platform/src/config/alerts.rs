//! `[alerts]`: where alerts go beside Telegram, and where their rules begin. An address that holds a password or a key is a
//! secret: it is wrapped like a token, and no error shows it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use agentlab_domain::alert::{Severity, facts::Limits};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de::Error as _};

/// `[alerts]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// What lasts is told again after so long.
    pub cooldown_minutes: u64,
    /// The least severity for the owner's chat.
    #[serde(deserialize_with = "severity")]
    pub telegram_least: Severity,
    /// Whether this machine's desktop shows them; without it where a desktop answers.
    pub desktop: Option<bool>,
    #[serde(deserialize_with = "severity")]
    pub desktop_least: Severity,
    pub bot_down_minutes: u64,
    pub errors_per_minute: u64,
    pub errors_minutes: u64,
    pub queue_depth: u64,
    pub queue_minutes: u64,
    pub disk_percent: u64,
    pub cost_percent: u64,
    /// An address of a service that tells when it is not asked any more, such as healthchecks.io.
    pub dead_mans_switch_url: Option<SecretString>,
    pub email: Option<Email>,
    pub sms: Option<Sms>,
    pub webhook: Option<Webhook>,
}

/// `[alerts.email]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// `smtps://user:password@host`, or `smtp://…?tls=required` for STARTTLS.
    pub smtp_url: SecretString,
    pub from: String,
    /// One address, or many with commas between.
    pub to: String,
    #[serde(default = "warning", deserialize_with = "severity")]
    pub least: Severity,
}

/// `[alerts.sms]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    pub account_sid: String,
    pub auth_token: SecretString,
    pub from: String,
    pub to: String,
    #[serde(default = "twilio")]
    pub api_url: String,
    #[serde(default = "critical", deserialize_with = "severity")]
    pub least: Severity,
}

/// `[alerts.webhook]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: SecretString,
    /// Sent as `Authorization: Bearer`.
    pub secret: Option<SecretString>,
    #[serde(default = "warning", deserialize_with = "severity")]
    pub least: Severity,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            cooldown_minutes: 30,
            telegram_least: Severity::Warning,
            desktop: None,
            desktop_least: Severity::Warning,
            bot_down_minutes: 5,
            errors_per_minute: 10,
            errors_minutes: 5,
            queue_depth: 20,
            queue_minutes: 10,
            disk_percent: 90,
            cost_percent: 80,
            dead_mans_switch_url: None,
            email: None,
            sms: None,
            webhook: None,
        }
    }
}

const fn warning() -> Severity {
    Severity::Warning
}

const fn critical() -> Severity {
    Severity::Critical
}

fn twilio() -> String {
    "https://api.twilio.com".into()
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    let word = String::deserialize(deserializer)?;
    Severity::parse(&word).ok_or_else(|| {
        let words = Severity::ALL.map(Severity::as_str).join(", ");
        D::Error::custom(format!("`{word}` is no severity: it is one of {words}"))
    })
}

impl Alerts {
    /// Where the rules begin; real times. A backup is made every so often.
    pub const fn limits(&self, backup_every: Duration) -> Limits {
        Limits {
            bot_down: Duration::from_mins(self.bot_down_minutes),
            errors: self.errors_per_minute,
            errors_for: Duration::from_mins(self.errors_minutes),
            depth: self.queue_depth,
            depth_for: Duration::from_mins(self.queue_minutes),
            disk_percent: self.disk_percent,
            backup_old: backup_every.saturating_mul(3),
            cost_percent: self.cost_percent,
            component_down: Duration::from_mins(1),
            detector_silent: Duration::from_secs(30),
        }
    }

    /// What lets somebody in at a service, in each form in which it is sent there: a server may repeat what it got.
    pub(crate) fn passwords(&self) -> Vec<SecretString> {
        let mut plain: Vec<(String, String)> = Vec::new();
        if let Some(url) =
            self.email.as_ref().and_then(|email| reqwest::Url::parse(email.smtp_url.expose_secret()).ok())
        {
            let password = percent_decoded(url.password().unwrap_or_default());
            plain.push((percent_decoded(url.username()), password));
        }
        plain.extend(self.sms.iter().map(|sms| (sms.account_sid.clone(), sms.auth_token.expose_secret().to_owned())));
        let forms = plain.into_iter().filter(|(_, password)| !password.is_empty()).flat_map(|(user, password)| {
            let encoded = [format!("\0{user}\0{password}"), format!("{user}:{password}"), password.clone()];
            encoded.map(|text| STANDARD.encode(text)).into_iter().chain([password])
        });
        let webhook = self.webhook.iter().filter_map(|hook| hook.secret.clone());
        forms.map(SecretString::from).chain(webhook).collect()
    }

    /// What must not be read by anybody.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let email = self.email.iter().flat_map(|email| address(&email.smtp_url)).chain(self.passwords());
        let webhook = self.webhook.iter().flat_map(|hook| address(&hook.url).into_iter().chain(hook.secret.clone()));
        let sms = self.sms.iter().map(|sms| sms.auth_token.clone());
        email.chain(webhook).chain(sms).chain(self.dead_mans_switch_url.iter().flat_map(address)).collect()
    }

    /// What is wrong with it: a sentence that begins with the key.
    pub(super) fn check(&self) -> Result<(), String> {
        let week = 7 * 24 * 60;
        for (key, minutes) in [
            ("cooldown_minutes", self.cooldown_minutes),
            ("bot_down_minutes", self.bot_down_minutes),
            ("errors_minutes", self.errors_minutes),
            ("queue_minutes", self.queue_minutes),
        ] {
            if !(1..=week).contains(&minutes) {
                return Err(format!("alerts.{key} must be from 1 to {week} (a week)"));
            }
        }
        for (key, percent) in [("disk_percent", self.disk_percent), ("cost_percent", self.cost_percent)] {
            if !(1..=100).contains(&percent) {
                return Err(format!("alerts.{key} must be from 1 to 100"));
            }
        }
        if let Some(url) = &self.dead_mans_switch_url {
            http("alerts.dead_mans_switch_url", url.expose_secret())?;
        }
        if let Some(webhook) = &self.webhook {
            http("alerts.webhook.url", webhook.url.expose_secret())?;
        }
        self.email.as_ref().map_or(Ok(()), Email::check)?;
        self.sms.as_ref().map_or(Ok(()), Sms::check)
    }
}

impl Email {
    fn check(&self) -> Result<(), String> {
        let form = "alerts.email.smtp_url must be such as smtps://user:password@host, or smtp://host?tls=required";
        let url = reqwest::Url::parse(self.smtp_url.expose_secret()).map_err(|_| form.to_owned())?;
        let tls = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let known = tls.as_deref().is_none_or(|tls| ["required", "opportunistic"].contains(&tls));
        let Some(host) = url.host_str().filter(|_| ["smtp", "smtps"].contains(&url.scheme()) && known) else {
            return Err(form.to_owned());
        };
        let is_private = url.scheme() == "smtps" || tls.as_deref() == Some("required");
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        if url.password().is_some() && !is_private && !is_here {
            return Err(
                "alerts.email.smtp_url has a password that would be sent in the clear: add ?tls=required, or use \
                        smtps://"
                    .into(),
            );
        }
        for (key, addresses) in [("from", &self.from), ("to", &self.to)] {
            let boxes = addresses.parse::<lettre::message::Mailboxes>();
            let count = boxes.map_or(0, |boxes| boxes.iter().count());
            if count == 0 || (key == "from" && count > 1) {
                return Err(format!("alerts.email.{key} must be an address such as you@example.org"));
            }
        }
        Ok(())
    }
}

impl Sms {
    fn check(&self) -> Result<(), String> {
        http("alerts.sms.api_url", &self.api_url)?;
        if self.account_sid.is_empty() || !self.account_sid.chars().all(char::is_alphanumeric) {
            return Err("alerts.sms.account_sid must be the account's SID, such as AC0123…".into());
        }
        let is_number = |text: &str| {
            text.strip_prefix('+')
                .is_some_and(|rest| (6..=15).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_digit()))
        };
        if !is_number(&self.to) {
            return Err("alerts.sms.to must be a number such as +4915112345678".into());
        }
        if self.from.trim().is_empty() {
            return Err("alerts.sms.from must be the number (or name) that messages come from".into());
        }
        Ok(())
    }
}

fn http(key: &str, url: &str) -> Result<(), String> {
    match reqwest::Url::parse(url) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Ok(()),
        Ok(_) | Err(_) => Err(format!("{key} must be an address that begins with https:// (or http://)")),
    }
}

/// What in an address must not be read: the whole of it, its password, and what follows its host, which is often a key.
fn address(url: &SecretString) -> Vec<SecretString> {
    let whole = url.expose_secret().to_owned();
    let parsed = reqwest::Url::parse(&whole);
    let parts = parsed.iter().flat_map(|url| {
        let password = url.password().map(str::to_owned);
        let path = url.path().trim_matches('/').to_owned();
        let query = url.query().filter(|query| !query.starts_with("tls=")).map(str::to_owned);
        let is_web = url.scheme().starts_with("http");
        password.into_iter().chain(Some(path).filter(|_| is_web)).chain(query)
    });
    // As it is written, and as it is meant.
    let decoded = parsed.iter().filter_map(|url| Some(percent_decoded(url.password()?)));
    let all = std::iter::once(whole.clone()).chain(parts).chain(decoded);
    all.filter(|part| !part.is_empty()).map(SecretString::from).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = tail.get(if byte.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
