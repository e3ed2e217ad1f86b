//! E-mail by SMTP: encrypted from the first byte (`smtps://`), by STARTTLS (`smtp://…?tls=required`), or in the clear where the
//! owner's own server stands on this machine.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor,
    message::{Attachment, Mailbox, Mailboxes, MultiPart, SinglePart, header::ContentType},
};
use secrecy::ExposeSecret;

use super::{Message, SendError, http::causes};
use crate::config;

/// Somebody's mailbox.
#[derive(Debug, Clone)]
pub struct Email(pub(super) config::Email);

impl Email {
    pub(super) async fn send(&self, message: &Message, limit: Duration) -> Result<(), SendError> {
        let mail = self.mail(message).await.map_err(|error| refused(error.as_ref()))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(self.0.smtp_url.expose_secret())
            .map_err(|error| refused(&error))?
            .timeout(Some(limit))
            .build();
        transport.send(mail).await.map(drop).map_err(|error| refused(&error))
    }

    async fn mail(&self, message: &Message) -> Result<Mail, Box<dyn std::error::Error + Send + Sync>> {
        let mut mail = Mail::builder().from(self.0.from.parse::<Mailbox>()?).subject(message.title());
        for to in self.0.to.parse::<Mailboxes>()? {
            mail = mail.to(to);
        }
        let text = format!(
            "{}\n\nhost: {}\nnoticed: {}\nkey: {}\n",
            message.words, message.host, message.at, message.alert.key
        );
        Ok(match message.bundle().await {
            Some((name, bytes)) => {
                let attached = Attachment::new(name).body(bytes, ContentType::TEXT_PLAIN);
                mail.multipart(MultiPart::mixed().singlepart(SinglePart::plain(text)).singlepart(attached))?
            }
            None => mail.singlepart(SinglePart::plain(text))?,
        })
    }
}

fn refused(error: &dyn std::error::Error) -> SendError {
    SendError::Refused(causes(error))
}
