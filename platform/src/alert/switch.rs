//! The dead man's switch: somebody elsewhere who is told at regular times that all is well, and who tells people when that
//! stops. It is in the form of healthchecks.io: the plain address, `/start` and `/fail`.

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{SendError, http};
use crate::clock;

/// How long an answer may take.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(10);

/// The address.
#[derive(Debug, Clone)]
pub struct Switch(SecretString);

impl Switch {
    /// The switch at this address.
    pub const fn at(url: SecretString) -> Self {
        Self(url)
    }

    /// We begin.
    pub async fn start(&self) -> Result<(), SendError> {
        self.tell(Some("start"), None).await
    }

    /// We live.
    pub async fn alive(&self) -> Result<(), SendError> {
        self.tell(None, None).await
    }

    /// Something is wrong, in words.
    pub async fn fail(&self, words: String) -> Result<(), SendError> {
        self.tell(Some("fail"), Some(words)).await
    }

    async fn tell(&self, what: Option<&str>, words: Option<String>) -> Result<(), SendError> {
        let url = self.url(what)?;
        let client = http::client()?;
        let request = match words {
            Some(words) => client.post(url).body(words),
            None => client.get(url),
        };
        http::ask(request.timeout(clock::scaled(ANSWER)), |_| None).await
    }

    /// The address with one more part, whatever it has for a query.
    fn url(&self, what: Option<&str>) -> Result<Url, SendError> {
        let wrong = || SendError::Refused("alerts.dead_mans_switch_url is no address".into());
        let mut url = Url::parse(self.0.expose_secret()).map_err(|_| wrong())?;
        if let Some(what) = what {
            url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push(what);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_added_before_the_query() {
        for (url, expected) in [
            ("https://hc.example/ping/abc", "https://hc.example/ping/abc/fail"),
            ("https://hc.example/ping/abc/", "https://hc.example/ping/abc/fail"),
            ("https://hc.example/ping?key=1", "https://hc.example/ping/fail?key=1"),
        ] {
            let switch = Switch::at(SecretString::from(url.to_owned()));
            assert_eq!(switch.url(Some("fail")).unwrap().as_str(), expected);
            assert_eq!(switch.url(None).unwrap().as_str(), url);
        }
    }
}
