//! SMS, by Twilio's HTTP interface: a form, with the account and its token as name and password.

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{Message, SendError, channel::shortened, http};
use crate::config;

/// Three parts of a message in Unicode; more would be paid for and not read.
const LONGEST: usize = 201;

/// A number that is written to.
#[derive(Debug, Clone)]
pub struct Sms(pub(super) config::Sms);

#[derive(Debug, Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

impl Sms {
    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let sms = &self.0;
        let url =
            format!("{}/2010-04-01/Accounts/{}/Messages.json", sms.api_url.trim_end_matches('/'), sms.account_sid);
        let body = shortened(&message.words, LONGEST);
        let form = [("To", sms.to.as_str()), ("From", sms.from.as_str()), ("Body", body.as_str())];
        let request =
            http::client()?.post(url).basic_auth(&sms.account_sid, Some(sms.auth_token.expose_secret())).form(&form);
        let said = |text: &str| {
            let refusal: Refusal = serde_json::from_str(text).ok()?;
            Some(format!("{} ({})", refusal.message, refusal.code))
        };
        http::ask(request, said).await
    }
}
