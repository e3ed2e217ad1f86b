//! What an error of the Bot API means. A *fate* tells apart what may have happened at Telegram: certainly nothing,
//! certainly something, or nobody knows; what follows from it is decided in `domain::outbox`.

use agentlab_domain::outbox::Fate;
use teloxide::{ApiError, RequestError};

/// Why a poll brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PollError {
    /// Somebody else polls with this token.
    Conflict,
    /// The token is not known (any more).
    Token,
    /// Later, perhaps; after so many seconds where Telegram said so.
    Later { why: String, seconds: Option<u32>, outage: bool },
}

impl PollError {
    /// Whether Telegram gave no answer; a refusal is one.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Conflict | Self::Token => false,
            Self::Later { outage, .. } => *outage,
        }
    }
}

/// What came of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) fate: Fate,
    /// Telegram gave no answer; a refusal is one.
    pub(crate) failed: bool,
}

/// What came of a request that ended with this error.
pub(crate) fn fate(error: &RequestError) -> Fate {
    let why = words(error);
    match error {
        RequestError::RetryAfter(wait) => Fate::TooMany { seconds: wait.seconds() },
        RequestError::Api(ApiError::MessageNotModified) => Fate::NotModified,
        RequestError::Api(ApiError::MessageToEditNotFound | ApiError::MessageIdInvalid) => Fate::NotFound,
        RequestError::Api(ApiError::CantParseEntities(_)) => Fate::CannotParse,
        RequestError::Api(ApiError::Unknown(text)) if text.contains("entit") => Fate::CannotParse,
        RequestError::Api(ApiError::Unknown(text)) if is_server_trouble(text) => Fate::NoEffect { why },
        RequestError::Api(ApiError::InvalidToken) => Fate::NoEffect { why },
        RequestError::Api(_) | RequestError::MigrateToChatId(_) => Fate::Refused { why },
        RequestError::Network(error) if error.is_connect() => Fate::NoEffect { why },
        // A gateway's page instead of an answer: it says 504 when it gave the request on and heard nothing more.
        RequestError::InvalidJson { raw, .. } if raw.trim_start().starts_with('<') && !raw.contains("504") => {
            Fate::NoEffect { why }
        }
        RequestError::Network(_) | RequestError::InvalidJson { .. } | RequestError::Io(_) => Fate::Unknown { why },
    }
}

/// Whether it means that Telegram is out of order: no answer, or one of its front server's. A refusal is an answer.
pub(crate) fn is_outage(error: &RequestError) -> bool {
    match error {
        RequestError::Network(_) | RequestError::InvalidJson { .. } => true,
        RequestError::Api(ApiError::Unknown(text)) => is_server_trouble(text) && !text.contains("Too Many Requests"),
        RequestError::Api(_) | RequestError::MigrateToChatId(_) | RequestError::RetryAfter(_) | RequestError::Io(_) => {
            false
        }
    }
}

fn is_server_trouble(text: &str) -> bool {
    ["Internal Server Error", "Bad Gateway", "Service Unavailable", "Too Many Requests"]
        .iter()
        .any(|trouble| text.contains(trouble))
}

/// The words of an error without the address, which holds the token.
pub(crate) fn words(error: &RequestError) -> String {
    match error {
        RequestError::Network(error) if error.is_timeout() => "no answer in time".into(),
        RequestError::Network(error) if error.is_connect() => "no connection".into(),
        RequestError::Network(_) => "the connection broke".into(),
        RequestError::InvalidJson { .. } => "an answer that is no JSON".into(),
        RequestError::Api(error) => error.to_string(),
        RequestError::MigrateToChatId(to) => format!("the group became the supergroup {to}"),
        RequestError::RetryAfter(wait) => format!("too many requests, again after {} s", wait.seconds()),
        RequestError::Io(_) => "a local error".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn server_trouble_has_no_effect_and_a_broken_answer_is_unknown() {
        let api = |text: &str| RequestError::Api(ApiError::Unknown(text.into()));
        assert!(matches!(fate(&api("Internal Server Error")), Fate::NoEffect { .. }));
        assert!(matches!(fate(&api("Bad Request: something new")), Fate::Refused { .. }));
        let broken = |raw: &str| RequestError::InvalidJson {
            source: std::sync::Arc::new(serde_json::from_str::<Value>("{").unwrap_err()),
            raw: raw.into(),
        };
        assert!(matches!(fate(&broken("<html>502 Bad Gateway")), Fate::NoEffect { .. }));
        assert!(matches!(fate(&broken("<html>504 Gateway Time-out")), Fate::Unknown { .. }));
        assert!(matches!(fate(&broken("{\"ok\":tr")), Fate::Unknown { .. }));
        assert!(is_outage(&api("Internal Server Error")) && is_outage(&broken("<html>502 Bad Gateway")));
    }

    #[test]
    fn a_refusal_is_no_outage() {
        let refusals = [
            RequestError::Api(ApiError::Unknown("Bad Request: something new".into())),
            RequestError::Api(ApiError::Unknown("Too Many Requests: retry after 3".into())),
            RequestError::Api(ApiError::InvalidToken),
            RequestError::Api(ApiError::BotBlocked),
            RequestError::RetryAfter(teloxide::types::Seconds::from_seconds(3)),
        ];
        for error in refusals {
            assert!(!is_outage(&error), "{error:?}");
        }
    }
}
