//! Delivery to Telegram. A *message* here is one row that becomes one message in a chat: it is sent once and from then
//! on edited to its newest revision. Editing is idempotent ("message is not modified" means done); sending is not.
//!
//! So a send whose fate is unknown is repeated once, marked "may be a repeat"; an edit in doubt is made again until
//! Telegram says that nothing changed. What cannot be known is said: it is not counted as delivered.

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Telegram accepted it under this message id.
    Delivered { message: i64 },
    /// An edit changed nothing: what is shown is what we want.
    NotModified,
    /// The message to edit is gone.
    NotFound,
    /// Telegram refused our formatting.
    CannotParse,
    /// Too many requests: again after this many seconds.
    TooMany { seconds: u32 },
    /// The request certainly had no effect (no connection, 5xx): again later.
    NoEffect { why: String },
    /// Nobody knows whether it had one (time-out, broken answer).
    Unknown { why: String },
    /// Telegram will never accept it (blocked, chat gone, refused).
    Refused { why: String },
}

/// How the request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// An edit of a message that exists; otherwise a send.
    pub edit: bool,
    /// With formatting.
    pub formatted: bool,
    /// Earlier sends of this row whose fate is unknown.
    pub doubts: u32,
    /// Failures in a row before this one.
    pub failures: u32,
}

/// What is done with the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This revision is shown.
    Delivered { message: Option<i64> },
    /// Again, no sooner than after `wait_ms`.
    Again { wait_ms: i64, plain: bool, doubt: bool, forget_message: bool },
    /// Given up; the row says why and counts as owed.
    GiveUp { why: String },
}

/// Longest wait between two tries, in milliseconds.
const LONGEST_WAIT_MS: i64 = 60_000;

/// The delivery decision.
pub fn next(tried: Tried, fate: Fate) -> Next {
    let again = |wait_ms| Next::Again { wait_ms, plain: false, doubt: false, forget_message: false };
    match fate {
        Fate::Delivered { message } => Next::Delivered { message: Some(message) },
        Fate::NotModified => Next::Delivered { message: None },
        Fate::TooMany { seconds } => again(i64::from(seconds).saturating_mul(1000)),
        Fate::NoEffect { .. } => again(backoff_ms(tried.failures)),
        Fate::CannotParse if tried.formatted => {
            Next::Again { wait_ms: 0, plain: true, doubt: false, forget_message: false }
        }
        Fate::CannotParse => Next::GiveUp { why: "Telegram refuses to parse even the plain text".into() },
        Fate::NotFound if tried.edit => Next::Again { wait_ms: 0, plain: false, doubt: false, forget_message: true },
        Fate::NotFound => Next::GiveUp { why: "the chat or the topic is gone".into() },
        Fate::Unknown { .. } if tried.edit => again(backoff_ms(tried.failures)),
        Fate::Unknown { .. } if tried.doubts == 0 => {
            Next::Again { wait_ms: backoff_ms(tried.failures), plain: false, doubt: true, forget_message: false }
        }
        Fate::Unknown { why } => Next::GiveUp { why: format!("sent twice and never confirmed: {why}") },
        Fate::Refused { why } => Next::GiveUp { why },
    }
}

/// The mark on a message that may stand there twice.
pub const REPEAT_MARK: &str = "(may be a repeat)\n";

fn backoff_ms(failures: u32) -> i64 {
    1_000_i64.saturating_mul(1_i64.checked_shl(failures.min(10)).unwrap_or(64)).min(LONGEST_WAIT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Tried = Tried { edit: false, formatted: true, doubts: 0, failures: 0 };
    const EDIT: Tried = Tried { edit: true, formatted: true, doubts: 0, failures: 0 };

    fn unknown() -> Fate {
        Fate::Unknown { why: "timed out".into() }
    }

    #[test]
    fn a_send_in_doubt_is_repeated_once_and_marked() {
        assert!(matches!(next(SEND, unknown()), Next::Again { doubt: true, .. }));
        assert!(matches!(next(Tried { doubts: 1, ..SEND }, unknown()), Next::GiveUp { .. }));
    }

    #[test]
    fn an_edit_in_doubt_is_made_again_until_nothing_changes() {
        for failures in 0..50 {
            assert!(matches!(next(Tried { failures, ..EDIT }, unknown()), Next::Again { doubt: false, .. }));
        }
        assert_eq!(next(EDIT, Fate::NotModified), Next::Delivered { message: None });
    }

    #[test]
    fn a_message_that_is_gone_is_sent_anew() {
        assert!(matches!(next(EDIT, Fate::NotFound), Next::Again { forget_message: true, .. }));
        assert!(matches!(next(SEND, Fate::NotFound), Next::GiveUp { .. }));
    }

    #[test]
    fn formatting_that_is_refused_becomes_plain_text_at_once() {
        assert_eq!(
            next(SEND, Fate::CannotParse),
            Next::Again { wait_ms: 0, plain: true, doubt: false, forget_message: false }
        );
        assert!(matches!(next(Tried { formatted: false, ..SEND }, Fate::CannotParse), Next::GiveUp { .. }));
    }

    #[test]
    fn what_had_no_effect_is_tried_for_ever_with_growing_waits() {
        let waits: Vec<i64> = (0..9)
            .map(|failures| match next(Tried { failures, ..SEND }, Fate::NoEffect { why: String::new() }) {
                Next::Again { wait_ms, doubt: false, .. } => wait_ms,
                other @ (Next::Again { .. } | Next::Delivered { .. } | Next::GiveUp { .. }) => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert!(matches!(next(SEND, Fate::TooMany { seconds: 7 }), Next::Again { wait_ms: 7_000, .. }));
    }
}
