//! Words for what is wrong with a configuration: which key it is about, and what is expected there. A *value* is never shown, since
//! any may be a secret, also one that stands where none belongs; neither is the line of the file.

use std::path::Path;

use figment::error::{Actual, Kind};

use super::{ConfigError, suggest};

/// What a parser or a type refused.
pub(super) fn explain(error: &figment::Error, path: &Path) -> ConfigError {
    let from_environment = error.metadata.as_ref().is_some_and(|metadata| metadata.name.contains("environment"));
    let place = if from_environment { "the environment".to_owned() } else { path.display().to_string() };
    let key = error.path.join(".");
    if let Kind::UnknownField(field, expected) = &error.kind {
        let prefix = if key.is_empty() { String::new() } else { format!("{key}.") };
        let prefix = prefix.strip_suffix(&format!("{field}.")).map_or(prefix.clone(), str::to_owned);
        let nearest = suggest::nearest(field, expected.iter().copied()).map(|near| format!("{prefix}{near}"));
        return ConfigError::UnknownKey { place, key: format!("{prefix}{field}"), nearest };
    }
    let what = words(&error.kind);
    let what = if key.is_empty() { what } else { format!("`{key}`: {what}") };
    ConfigError::Invalid { place, what }
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) => {
            let remedy = if expected.contains("a string") && is_bare(found) { ": put it in quotes" } else { "" };
            format!("found {}, expected {expected}{remedy}", shape(found))
        }
        Kind::InvalidValue(found, expected) => {
            format!("found {} that is none of it, expected {expected}", shape(found))
        }
        Kind::Unsupported(found) => format!("{} cannot stand here", shape(found)),
        Kind::UnsupportedKey(found, expected) => format!("{} cannot be a key, expected {expected}", shape(found)),
        Kind::Message(words) => without_source(words),
        // They name keys, lengths, and words of which there are few.
        Kind::InvalidLength(..)
        | Kind::UnknownVariant(..)
        | Kind::UnknownField(..)
        | Kind::MissingField(_)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_) => kind.to_string(),
    }
}

/// Whether it only lacks quotes.
const fn is_bare(found: &Actual) -> bool {
    matches!(found, Actual::Bool(_) | Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_))
}

/// What a value is, without the value.
fn shape(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "`true` or `false`",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a string",
        Actual::Seq => "an array",
        Actual::Map => "a table",
        Actual::Bytes(_)
        | Actual::Unit
        | Actual::Option
        | Actual::NewtypeStruct
        | Actual::Enum
        | Actual::UnitVariant
        | Actual::NewtypeVariant
        | Actual::TupleVariant
        | Actual::StructVariant
        | Actual::Other(_) => "something else",
    }
}

/// A parser's words without the lines in which it shows the file: `3 | token = …`, and the mark below it.
fn without_source(words: &str) -> String {
    let shows =
        |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|');
    let said: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty() && !shows(line)).collect();
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::super::load::tests::refusal;

    #[test]
    fn no_value_is_shown_wherever_it_stands() {
        for (text, needle) in [
            ("[telegram]\ntoken = 123456:hunter2hunter2", "TOML parse error at line 2, column 15: expected newline"),
            ("[telegram]\ntoken = 'hunter2hunter2", "TOML parse error at line 2"),
            (
                "[agent.env]\nKEY = 'a'\nKEY = 'hunter2hunter2'",
                "line 3, column 1: duplicate key `KEY` in table `agent.env`",
            ),
            (
                "[agent.env]\nKEY = 1234567890123",
                "`agent.env.KEY`: found a number, expected a string: put it in quotes",
            ),
            ("[agent.env]\nKEY = ['hunter2hunter2']", "`agent.env.KEY`: found an array, expected a string"),
            (
                "[telegram]\ntoken = true",
                "`telegram.token`: found `true` or `false`, expected a string: put it in quotes",
            ),
            ("[agent]\nenv = 'hunter2hunter2'", "`agent.env`: found a string, expected a map"),
            ("[alerts]\nwebhook = 'https://x/hunter2hunter2'", "`alerts.webhook`: found a string, expected"),
            ("[workers]\ncount = 'hunter2hunter2'", "`workers.count`: found a string, expected u32"),
            ("[console]\nport = 1234567890123", "console.port"),
            ("[telegram]\ntoken_file = '123456:hunter2hunter2'", "telegram.token_file is to name a file"),
        ] {
            let message = refusal(text);
            assert!(message.contains(needle), "{text:?}: {message}");
            assert!(!message.contains("hunter2") && !message.contains("1234567890123"), "{text:?}: {message}");
            assert!(!message.contains('\n'), "one line: {message:?}");
        }
    }
}
