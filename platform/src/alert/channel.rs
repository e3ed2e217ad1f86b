//! Channels: the roads to people. Which ones there are, from which severity on each is used, and how one message is sent.

use std::{path::PathBuf, time::Duration};

use agentlab_domain::alert::Severity;

use super::{Alert, desktop, email, sms, telegram, webhook};
use crate::{calendar, clock, config::Config, redaction::Redaction};

/// One road, with what it needs.
#[derive(Debug, Clone)]
pub enum Channel {
    Telegram(telegram::Telegram),
    Desktop(desktop::Desktop),
    Email(email::Email),
    Sms(sms::Sms),
    Webhook(webhook::Webhook),
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Message {
    pub alert: Alert,
    /// The words without secrets.
    pub words: String,
    pub host: String,
    /// When it was noticed, as people read it.
    pub at: String,
}

/// Why a channel did not take a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("{0}")]
    Refused(String),
    #[error("it did not answer within {0} s")]
    Late(u64),
    /// There is nobody whom it could reach, and nobody said that there is: it is not tried again.
    #[error("nobody is there: {0}")]
    Nobody(String),
}

impl Channel {
    /// The name of every channel.
    pub const NAMES: [&str; 5] = ["telegram", "desktop", "email", "sms", "webhook"];

    /// The channels that are configured.
    pub fn configured(config: &Config) -> Vec<Self> {
        let alerts = &config.alerts;
        let telegram = telegram::Telegram::of(config).map(Self::Telegram);
        let desktop = desktop::Desktop::of(alerts).map(Self::Desktop);
        let email = alerts.email.clone().map(|email| Self::Email(email::Email(email)));
        let sms = alerts.sms.clone().map(|sms| Self::Sms(sms::Sms(sms)));
        let webhook = alerts.webhook.clone().map(|hook| Self::Webhook(webhook::Webhook(hook)));
        [telegram, desktop, email, sms, webhook].into_iter().flatten().collect()
    }

    /// The word in the book, in rows and for people.
    pub const fn name(&self) -> &'static str {
        let [telegram, desktop, email, sms, webhook] = Self::NAMES;
        match self {
            Self::Telegram(_) => telegram,
            Self::Desktop(_) => desktop,
            Self::Email(_) => email,
            Self::Sms(_) => sms,
            Self::Webhook(_) => webhook,
        }
    }

    /// The least severity that goes this way.
    pub const fn least(&self) -> Severity {
        match self {
            Self::Telegram(telegram) => telegram.least,
            Self::Desktop(desktop) => desktop.least,
            Self::Email(email) => email.0.least,
            Self::Sms(sms) => sms.0.least,
            Self::Webhook(webhook) => webhook.0.least,
        }
    }

    /// Whom it reaches, for people; no secret.
    pub fn whom(&self) -> String {
        match self {
            Self::Telegram(telegram) => format!("user {}", telegram.owner),
            Self::Desktop(desktop) if desktop.expected => "this machine's desktop".to_owned(),
            Self::Desktop(_) => "this machine's desktop, where one answers".to_owned(),
            Self::Email(email) => email.0.to.clone(),
            Self::Sms(sms) => sms.0.to.clone(),
            Self::Webhook(webhook) => webhook.host(),
        }
    }

    /// How long one message may take.
    const fn limit(&self) -> Duration {
        match self {
            Self::Telegram(_) | Self::Sms(_) | Self::Webhook(_) | Self::Desktop(_) => Duration::from_secs(10),
            // A mail server may greet slowly, against those who do not wait.
            Self::Email(_) => Duration::from_secs(30),
        }
    }

    /// Sends one message; returns when it was taken, refused, or the time is over.
    pub async fn send(&self, message: &Message, secrets: &Redaction) -> Result<(), SendError> {
        let limit = clock::scaled(self.limit()).max(SHORTEST);
        let sent = async {
            match self {
                Self::Telegram(telegram) => telegram.send(message).await,
                Self::Desktop(desktop) => desktop.send(message).await,
                Self::Email(email) => email.send(message, limit).await,
                Self::Sms(sms) => sms.send(message).await,
                Self::Webhook(webhook) => webhook.send(message).await,
            }
        };
        let sent = tokio::time::timeout(limit, sent).await;
        match sent.unwrap_or(Err(SendError::Late(limit.as_secs()))) {
            // Whatever a server answers may repeat what it was sent.
            Err(SendError::Refused(why)) => Err(SendError::Refused(secrets.text(&why).chars().take(300).collect())),
            sent => sent,
        }
    }

    /// How long one turn of its loop may take: a message, and one of another process that sends at this moment.
    pub(super) const fn turn(&self) -> Duration {
        self.limit().saturating_mul(3)
    }
}

/// Tests shorten no time limit further: a busy machine needs a moment.
const SHORTEST: Duration = Duration::from_millis(500);

impl Message {
    /// The message of an alert.
    pub fn of(alert: Alert, secrets: &Redaction) -> Self {
        let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok()).unwrap_or_default();
        Self { words: secrets.text(&alert.words), host, at: calendar::utc(clock::now_ms()), alert }
    }

    /// One line that says what it is: for those who have a subject or a title.
    pub(super) fn title(&self) -> String {
        let alert = &self.alert;
        let what = if self.is_over() { "over" } else { alert.severity.as_str() };
        format!("agentlab on {}: {what}: {} ({})", self.host, alert.rule.as_str(), alert.subject)
    }

    pub(super) fn is_over(&self) -> bool {
        self.alert.occasion == agentlab_domain::alert::delivery::Occasion::Over
    }

    /// The file that goes along, if it can be read and is not too large.
    pub(super) async fn bundle(&self) -> Option<(String, Vec<u8>)> {
        let path: &PathBuf = self.alert.bundle.as_ref()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        let mut bytes = tokio::fs::read(path).await.ok()?;
        bytes.truncate(LARGEST);
        Some((name, bytes))
    }
}

/// What of a bundle goes along, in bytes.
const LARGEST: usize = 1024 * 1024;

/// The words as far as so many UTF-16 units hold them.
pub(super) fn shortened(words: &str, longest: usize) -> String {
    if agentlab_domain::text::utf16_len(words) <= longest {
        return words.to_owned();
    }
    let mut units = 1;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= longest
    };
    words.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use agentlab_domain::text::utf16_len;

    use super::*;

    #[test]
    fn a_long_text_is_shortened_to_what_a_channel_takes() {
        const LONGEST: usize = 4096;
        assert_eq!(shortened("short", LONGEST), "short");
        for text in ["x".repeat(5000), "😀".repeat(2049), format!("x{}", "😀".repeat(2100))] {
            let short = shortened(&text, LONGEST);
            assert!(short.ends_with('…') && (LONGEST - 2..=LONGEST).contains(&utf16_len(&short)), "{}", short.len());
        }
        assert_eq!(shortened(&"😀".repeat(2048), LONGEST).chars().count(), 2048);
    }
}
