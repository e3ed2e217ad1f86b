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

/// Why the session `id` cannot be opened in this way any more, if so: the agent does not know it (or knows that it was
/// begun), in its own words about this very id; or it answered with nothing at all, which a damaged conversation gives for
/// ever. An answer that was given is never doubted: it, and what its tools printed, may speak of anything.
pub fn lost(opened: Opened, id: &str, result: Option<&ResultEvent>, stderr: &str) -> Option<String> {
    match (result, opened) {
        (Some(result), Opened::Resumed | Opened::Forked) if result.is_nothing() => {
            return Some("it answered with nothing".into());
        }
        (Some(result), _) if !result.is_error => return None,
        (Some(_) | None, _) => {}
    }
    let in_use = format!("Session ID {id} is already in use");
    let unknown = match opened {
        Opened::Resumed => format!("No conversation found with session ID: {id}"),
        // It names the one that was to be copied.
        Opened::Forked | Opened::New => "No conversation found with session ID: ".to_owned(),
    };
    let says = |line: &str| line.contains(&in_use) || (opened != Opened::New && line.contains(&unknown));
    let errors = result.into_iter().flat_map(|result| result.errors.iter().chain(&result.text)).map(String::as_str);
    errors.chain(stderr.lines()).find(|line| says(line)).map(|line| line.trim().to_owned())
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
    fn a_session_is_lost_by_the_agents_own_word_about_it_or_by_an_answer_of_nothing() {
        let unknown = |id: &str| ResultEvent {
            is_error: true,
            errors: vec![format!("No conversation found with session ID: {id}")],
            ..ResultEvent::default()
        };
        assert!(lost(Opened::Resumed, "S", Some(&unknown("S")), "").is_some());
        assert!(lost(Opened::Resumed, "S", None, "No conversation found with session ID: S\n").is_some());
        assert!(lost(Opened::Forked, "S", Some(&unknown("ORIGIN")), "").is_some());
        assert!(lost(Opened::New, "S", None, "Error: Session ID S is already in use.\n").is_some());
        assert!(lost(Opened::Resumed, "S", Some(&result(0, 0.0)), "").is_some());
    }

    #[test]
    fn a_session_is_not_lost_by_anything_else() {
        let port = "Error: listen EADDRINUSE: address already in use :::3000\nNo conversation found in the logs\n";
        for opened in Opened::ALL {
            assert_eq!(lost(opened, "S", Some(&result(1, 0.1)), port), None, "it answered");
            assert_eq!(lost(opened, "S", None, port), None, "{opened:?}: what a tool printed");
        }
        let quoted = "Session ID S is already in use, says the manual";
        assert_eq!(lost(Opened::Resumed, "S", Some(&result(2, 0.1)), quoted), None, "an answer is never doubted");
        assert_eq!(lost(Opened::Resumed, "S", None, "Session ID T is already in use"), None, "another's");
        assert_eq!(lost(Opened::New, "S", Some(&result(0, 0.0)), ""), None, "nothing to set aside");
        let local = ResultEvent { text: Some("Unknown slash command: home".into()), ..result(0, 0.0) };
        assert_eq!(lost(Opened::Resumed, "S", Some(&local), ""), None, "words are an answer");
        let overloaded = ResultEvent { is_error: true, text: Some("API Error: 529".into()), ..ResultEvent::default() };
        assert_eq!(lost(Opened::Resumed, "S", Some(&overloaded), ""), None);
    }

    #[test]
    fn titles_and_names_are_short() {
        assert_eq!(title("\n  Fix the login page\nand more"), "Fix the login page");
        assert_eq!(title(&"ä".repeat(100)).chars().count(), 41);
        assert_eq!(short("0b7d0000-0000-4000"), "0b7d0000");
        assert_eq!(short("x"), "x");
    }
}
