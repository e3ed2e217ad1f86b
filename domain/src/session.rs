//! Sessions: conversations with the agent. A *session* is what the agent remembers from one run to the next; a lane has
//! one that goes on per directory, since a conversation can be taken up from its own directory only (Claude Code 2.1.197).
//!
//! Its id is chosen here and recorded before the agent is started. Which flag opens it is decided by its *transcript*, the
//! file that the agent keeps: an id with a transcript cannot be begun again ("already in use", for ever), and one
//! without cannot be resumed.

use serde::{Deserialize, Serialize};

use crate::outcome::ResultEvent;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The one that goes on in its lane and directory.
    Current,
    /// An earlier one, which `/session` brings back.
    Kept,
    /// It cannot be taken up any more.
    SetAside,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Current, Self::Kept, Self::SetAside];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Kept => "kept",
            Self::SetAside => "set_aside",
        }
    }
}

/// How a run opens its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opened {
    /// `--session-id ID`: it begins.
    New,
    /// `--resume ID`: it goes on.
    Resumed,
    /// `--resume OTHER --fork-session --session-id ID`: it begins with what another one remembers.
    Forked,
}

impl Opened {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::New, Self::Resumed, Self::Forked];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Resumed => "resumed",
            Self::Forked => "forked",
        }
    }

    /// The way of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|opened| opened.as_str() == word)
    }
}

/// How a session is opened: `transcript` says whether its own is there, `origin` whether that of the session which it was
/// forked from is (`None`: it was not forked).
pub const fn open(transcript: bool, origin: Option<bool>) -> Opened {
    match (transcript, origin) {
        (true, _) => Opened::Resumed,
        (false, Some(true)) => Opened::Forked,
        (false, Some(false) | None) => Opened::New,
    }
}

/// Why a session that was taken up cannot go on, if so: the agent does not know it, or it answered with nothing at all (a
/// "success" of zero turns and zero cost, which a damaged conversation gives for ever).
pub fn lost(opened: Opened, result: Option<&ResultEvent>, stderr: &str) -> Option<String> {
    let said = |words: &str| {
        let in_result = result.filter(|result| result.is_error).and_then(|result| {
            result
                .errors
                .iter()
                .chain(&result.text)
                .find(|text| text.contains(words))
                .map(|text| text.trim().to_owned())
        });
        in_result.or_else(|| stderr.lines().find(|line| line.contains(words)).map(|line| line.trim().to_owned()))
    };
    // Begun anew, an id in use is the transcript that we did not find.
    let unknown = match opened {
        Opened::New => said("already in use"),
        Opened::Resumed | Opened::Forked => said("No conversation found").or_else(|| said("already in use")),
    };
    if unknown.is_some() {
        return unknown;
    }
    let empty =
        result.is_some_and(|result| !result.is_error && result.turns == 0 && result.cost_usd.unwrap_or(0.0) == 0.0);
    (empty && opened != Opened::New).then(|| "it answered with nothing".into())
}

/// The short name of a session, which people type.
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// The title of a session: the first words of its first task.
pub fn title(prompt: &str) -> String {
    let line = prompt.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut title: String = line.chars().take(40).collect();
    if title.len() < line.len() {
        title.push('…');
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(turns: u64, cost: f64) -> ResultEvent {
        ResultEvent { turns, cost_usd: Some(cost), ..ResultEvent::default() }
    }

    #[test]
    fn the_transcript_decides_the_flag() {
        assert_eq!(open(false, None), Opened::New);
        assert_eq!(open(true, None), Opened::Resumed);
        assert_eq!(open(false, Some(true)), Opened::Forked);
        assert_eq!(open(true, Some(true)), Opened::Resumed, "forked before");
        assert_eq!(open(false, Some(false)), Opened::New, "nothing is left to fork from");
    }

    #[test]
    fn a_session_is_lost_by_the_agents_own_word_or_by_an_empty_success() {
        let unknown = ResultEvent {
            is_error: true,
            errors: vec!["No conversation found with session ID: 1".into()],
            ..ResultEvent::default()
        };
        assert!(lost(Opened::Resumed, Some(&unknown), "").is_some());
        assert!(lost(Opened::Forked, None, "No conversation found with session ID: 1\n").is_some());
        assert!(lost(Opened::New, None, "Error: Session ID 1 is already in use.\n").is_some());
        assert!(lost(Opened::Resumed, Some(&result(0, 0.0)), "").is_some());
    }

    #[test]
    fn a_session_is_not_lost_by_anything_else() {
        assert_eq!(lost(Opened::New, Some(&result(0, 0.0)), ""), None, "nothing to set aside");
        assert_eq!(lost(Opened::Resumed, Some(&result(1, 0.0)), ""), None);
        assert_eq!(lost(Opened::Resumed, Some(&result(0, 0.1)), ""), None);
        let overloaded = ResultEvent { is_error: true, text: Some("API Error: 529".into()), ..ResultEvent::default() };
        assert_eq!(lost(Opened::Resumed, Some(&overloaded), ""), None);
        let quoted =
            ResultEvent { text: Some("it says: No conversation found".into()), turns: 1, ..ResultEvent::default() };
        assert_eq!(lost(Opened::Resumed, Some(&quoted), ""), None, "an answer may speak of anything");
        assert_eq!(lost(Opened::Resumed, None, ""), None);
    }

    #[test]
    fn titles_and_names_are_short() {
        assert_eq!(title("\n  Fix the login page\nand more"), "Fix the login page");
        assert_eq!(title(&"ä".repeat(100)).chars().count(), 41);
        assert_eq!(short("0b7d0000-0000-4000"), "0b7d0000");
        assert_eq!(short("x"), "x");
    }
}
