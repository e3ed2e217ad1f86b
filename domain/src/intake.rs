//! Intake: what an update from Telegram causes. A *stranger* is anybody who is not on the allow-list; a stranger causes
//! nothing that can be seen, whatever was sent.

use crate::{
    chat::Place,
    command::{self, Command},
};

/// An update, as far as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    Message {
        user: Option<i64>,
        place: Place,
        message: i64,
        text: Option<String>,
    },
    Edited {
        user: Option<i64>,
        place: Place,
        message: i64,
        text: Option<String>,
    },
    Button {
        user: Option<i64>,
        place: Option<Place>,
        callback: String,
        data: Option<String>,
    },
    /// A kind that we do not use, or one of a later Bot API.
    Other {
        kind: String,
    },
    /// It could not be parsed; the raw text is kept all the same.
    Unparsable {
        why: String,
    },
}

/// What an update causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Work for the agent.
    Job { user: i64, place: Place, message: i64, prompt: String },
    /// A question to agentlab itself.
    Command { user: i64, place: Place, message: i64, command: Command },
    /// A changed message: its job takes the new text while no run exists.
    Edit { place: Place, message: i64, prompt: String },
    /// A Stop button.
    Stop { user: i64, place: Place, number: i64, callback: String },
    /// Somebody allowed sent something without text.
    NoText { place: Place, message: i64 },
    /// Too much from this person at once: not done, and said so.
    Limited { place: Place, message: i64, words: String },
    /// One audit row, and nothing else.
    Stranger { user: i64 },
    /// Stored and confirmed; nothing follows.
    Ignore { why: String },
}

impl Decision {
    /// The word in the update's row.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Job { .. } => "job",
            Self::Command { .. } => "command",
            Self::Edit { .. } => "edit",
            Self::Stop { .. } => "stop",
            Self::NoText { .. } => "no_text",
            Self::Stranger { .. } => "stranger",
            Self::Ignore { .. } => "ignored",
            Self::Limited { .. } => "limited",
        }
    }
}

/// One more request of a person, as the limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub user: i64,
    pub place: Place,
    pub message: i64,
}

impl Decision {
    /// The allowed person who caused it, where that is kept.
    pub const fn user(&self) -> Option<i64> {
        match self {
            Self::Job { user, .. } | Self::Command { user, .. } | Self::Stop { user, .. } => Some(*user),
            Self::Edit { .. }
            | Self::NoText { .. }
            | Self::Limited { .. }
            | Self::Stranger { .. }
            | Self::Ignore { .. } => None,
        }
    }

    /// The request that this is, where it counts against its sender's rate: work, and commands that need not always get
    /// through.
    pub fn counted(&self) -> Option<Request> {
        match self {
            Self::Job { user, place, message, .. } => Some(Request { user: *user, place: *place, message: *message }),
            Self::Command { user, place, message, command } => {
                (!command.is_priority()).then_some(Request { user: *user, place: *place, message: *message })
            }
            Self::Edit { .. }
            | Self::Stop { .. }
            | Self::NoText { .. }
            | Self::Limited { .. }
            | Self::Stranger { .. }
            | Self::Ignore { .. } => None,
        }
    }
}

/// Decides an update. The allow-list comes before everything. `own` is the bot's name, where it is known: in a group a
/// command may be another bot's.
pub fn decide(update: Update, own: Option<&str>, allowed: impl Fn(i64) -> bool) -> Decision {
    let ignore = |why: &str| Decision::Ignore { why: why.into() };
    let user = match &update {
        Update::Message { user, .. } | Update::Edited { user, .. } | Update::Button { user, .. } => *user,
        Update::Other { kind } => return ignore(&format!("an update of the kind {kind}")),
        Update::Unparsable { why } => return ignore(&format!("it could not be parsed: {why}")),
    };
    let Some(user) = user else { return ignore("it has no sender") };
    if !allowed(user) {
        return Decision::Stranger { user };
    }
    match update {
        Update::Message { place, message, text, .. } => match text.filter(|text| !text.trim().is_empty()) {
            None => Decision::NoText { place, message },
            Some(prompt) => match command::parse(&prompt) {
                Some(_) if is_for_another(&prompt, own) => ignore("a command for another bot"),
                Some(command) => Decision::Command { user, place, message, command },
                None => Decision::Job { user, place, message, prompt },
            },
        },
        Update::Edited { place, message, text, .. } => match text.filter(|text| !text.trim().is_empty()) {
            Some(prompt) if command::parse(&prompt).is_none() => Decision::Edit { place, message, prompt },
            Some(_) | None => ignore("an edit that is no work"),
        },
        Update::Button { place, callback, data, .. } => {
            match (place, data.as_deref().and_then(command::parse_button)) {
                (Some(place), Some(number)) => Decision::Stop { user, place, number, callback },
                (None, _) | (_, None) => ignore("a button of an old or foreign message"),
            }
        }
        Update::Other { .. } | Update::Unparsable { .. } => ignore("nothing to do"),
    }
}

fn is_for_another(text: &str, own: Option<&str>) -> bool {
    matches!((command::addressee(text), own), (Some(named), Some(own)) if !named.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { chat: 5, topic: None };

    fn message(user: Option<i64>, text: Option<&str>) -> Update {
        Update::Message { user, place: PLACE, message: 9, text: text.map(Into::into) }
    }

    #[test]
    fn a_stranger_causes_nothing_whatever_was_sent() {
        let updates = [
            message(Some(66), Some("do it")),
            message(Some(66), Some("/start")),
            message(Some(66), None),
            Update::Edited { user: Some(66), place: PLACE, message: 9, text: Some("x".into()) },
            Update::Button { user: Some(66), place: Some(PLACE), callback: "c".into(), data: Some("stop:1".into()) },
        ];
        for update in updates {
            assert_eq!(decide(update, None, |user| user == 5), Decision::Stranger { user: 66 });
        }
    }

    #[test]
    fn an_allowed_person_causes_what_was_sent() {
        let words: Vec<&str> = [
            message(Some(5), Some("do it")),
            message(Some(5), Some("/status")),
            message(Some(5), None),
            message(Some(5), Some("  \n")),
            message(None, Some("posted as a channel")),
            Update::Edited { user: Some(5), place: PLACE, message: 9, text: Some("x".into()) },
            Update::Edited { user: Some(5), place: PLACE, message: 9, text: Some("/cancel".into()) },
            Update::Button { user: Some(5), place: Some(PLACE), callback: "c".into(), data: Some("stop:1".into()) },
            Update::Button { user: Some(5), place: None, callback: "c".into(), data: Some("stop:1".into()) },
            Update::Other { kind: "poll".into() },
            Update::Unparsable { why: "no id".into() },
        ]
        .into_iter()
        .map(|update| decide(update, None, |user| user == 5).word())
        .collect();
        assert_eq!(
            words,
            [
                "job", "command", "no_text", "no_text", "ignored", "edit", "ignored", "stop", "ignored", "ignored",
                "ignored"
            ]
        );
    }

    #[test]
    fn work_and_ordinary_commands_are_counted_and_nothing_else() {
        let counted = |update| decide(update, None, |user| user == 5).counted().map(|request| request.user);
        assert_eq!(counted(message(Some(5), Some("do it"))), Some(5));
        assert_eq!(counted(message(Some(5), Some("/frobnicate"))), Some(5));
        let free = [
            message(Some(5), Some("/status")),
            message(Some(5), Some("/cancel 3")),
            message(Some(5), None),
            message(Some(66), Some("do it")),
            Update::Edited { user: Some(5), place: PLACE, message: 9, text: Some("x".into()) },
            Update::Button { user: Some(5), place: Some(PLACE), callback: "c".into(), data: Some("stop:1".into()) },
            Update::Other { kind: "poll".into() },
        ];
        for update in free {
            assert_eq!(counted(update.clone()), None, "{update:?}");
        }
    }

    #[test]
    fn a_command_for_another_bot_is_not_ours() {
        let word = |text, own| decide(message(Some(5), Some(text)), own, |user| user == 5).word();
        assert_eq!(word("/cancel@other_bot", Some("lab_bot")), "ignored");
        assert_eq!(word("/cancel@LAB_bot 3", Some("lab_bot")), "command");
        assert_eq!(word("/cancel@other_bot", None), "command");
        assert_eq!(word("mail me@home", Some("lab_bot")), "job");
    }
}
