//! Text for Telegram: Markdown in, plain text with entities out, cut into messages that fit.
//!
//! A *rich* text is what the Bot API takes as `text` plus `entities`: the text carries no markup, and every
//! entity names a stretch of it by offset and length in UTF-16 units. [`render`] makes one from an agent's
//! Markdown, [`plain`] makes one without entities, [`split`] cuts one into messages.
//!
//! Nothing here sends, escapes for `parse_mode`, or decides what to do with a text that shows nothing
//! ([`Rich::is_blank`]): Telegram refuses such a message, and the caller knows what to say instead. Nor is the
//! number of entities bounded, although Telegram ignores those beyond the first hundred of a message.

mod code;
mod inline;
#[cfg(test)]
mod properties;
mod render;
mod runs;
mod split;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use code::{code, code_block};
pub use render::render;
pub use split::split;

/// The longest text of one message, in UTF-16 units.
pub const MESSAGE_LIMIT: usize = 4096;

/// A formatted stretch of a text. Serialises as the Bot API's `MessageEntity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    #[serde(flatten)]
    pub kind: EntityKind,
    /// UTF-16 units before the stretch.
    pub offset: usize,
    /// UTF-16 units in the stretch; never 0.
    pub length: usize,
}

impl Entity {
    /// The offset just past the stretch.
    #[must_use]
    pub fn end(&self) -> usize {
        self.offset.saturating_add(self.length)
    }
}

/// How a stretch is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EntityKind {
    Bold,
    Italic,
    Strikethrough,
    TextLink {
        url: String,
    },
    Code,
    Pre {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
}

impl EntityKind {
    /// Whether Telegram refuses to combine this kind with any other.
    #[must_use]
    pub fn is_code(&self) -> bool {
        matches!(self, Self::Code | Self::Pre { .. })
    }

    /// The order of kinds, the same for all values of a kind.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Bold => 0,
            Self::Italic => 1,
            Self::Strikethrough => 2,
            Self::TextLink { .. } => 3,
            Self::Code => 4,
            Self::Pre { .. } => 5,
        }
    }
}

/// A text and its entities, sorted by offset, the longer first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rich {
    pub text: String,
    #[serde(default)]
    pub entities: Vec<Entity>,
}

impl Rich {
    /// Whether the text shows nothing, so that Telegram would refuse it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        !self.text.chars().any(is_visible)
    }
}

/// The text as it is, without entities.
#[must_use]
pub fn plain(text: &str) -> Rich {
    Rich { text: text.to_owned(), entities: Vec::new() }
}

/// The length Telegram counts.
#[must_use]
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Whether a character counts as content. Spaces, controls and the characters that only steer others do not.
fn is_visible(ch: char) -> bool {
    !(ch.is_whitespace()
        || ch.is_control()
        || matches!(ch,
            '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fffc}'
            | '\u{e0000}'..='\u{e01ef}'))
}
