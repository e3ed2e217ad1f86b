//! Redaction: secrets are taken out of a text before somebody reads it who did not configure them. A *secret* is a value of
//! the configuration as it stands there, the part of the bot token after its colon, and each line of a value of many.
//!
//! What was put into another form (base64, a hash, letters with spaces between them) is not found: this guards against
//! accidents, not against an agent that wants to tell.

use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;

/// What stands where a secret stood.
const REDACTED: &str = "[secret]";
/// Shorter words, and shorter ends of a word where a text was cut, would blot out ordinary text.
const SHORTEST: usize = 8;
/// A name with one of these names a secret.
const SECRET_NAMES: [&str; 7] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH"];
/// Except in this word, as in `GIT_AUTHOR_NAME`.
const NO_SECRET_NAME: &str = "AUTHOR_";

/// What is taken out.
#[derive(Debug, Clone, Default)]
pub struct Redaction(Vec<SecretString>);

impl Redaction {
    /// For logs: every one of these, and what follows its first colon.
    pub fn of_logs(secrets: &[SecretString]) -> Self {
        Self::of(secrets.iter().flat_map(|secret| words(secret.expose_secret(), true)))
    }

    /// For answers: the bot token, the passwords of the channels of alerts, and what `agent.env` holds under the name of a secret.
    /// Other values stay: an answer without its paths and addresses helps nobody.
    pub fn of_answers(config: &Config) -> Self {
        let token = config.telegram.token.iter().flat_map(|token| words(token.expose_secret(), true));
        let channels = config.alerts.passwords();
        let channels = channels.iter().flat_map(|password| words(password.expose_secret(), false)).collect::<Vec<_>>();
        let token = token.chain(channels);
        let env = config.agent.env.iter().filter(|(name, _)| is_secret(name));
        Self::of(token.chain(env.flat_map(|(_, value)| words(value.expose_secret(), false))))
    }

    fn of(words: impl Iterator<Item = String>) -> Self {
        let mut words: Vec<String> = words.filter(|word| word.len() >= SHORTEST).collect();
        // The longest first: one secret may begin with another.
        words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        words.dedup();
        Self(words.into_iter().map(SecretString::from).collect())
    }

    /// The text with every secret replaced.
    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), REDACTED))
    }

    /// The same for the beginning of a longer text that was cut at `…`, perhaps in the middle of a secret.
    pub fn head(&self, text: &str) -> String {
        let text = self.text(text);
        let Some(kept) = text.strip_suffix('…') else { return text };
        let cut = self.0.iter().filter_map(|secret| ends_within(kept, secret.expose_secret())).max();
        match cut.and_then(|cut| kept.get(..kept.len().saturating_sub(cut))) {
            Some(rest) => format!("{rest}{REDACTED}…"),
            None => text,
        }
    }

    /// The same for the end of a longer text, which may begin in the middle of a secret.
    pub fn tail(&self, text: &str) -> String {
        let cut = self.0.iter().filter_map(|secret| begins_within(text, secret.expose_secret())).max();
        match cut.and_then(|cut| text.get(cut..)) {
            Some(rest) => format!("{REDACTED}{}", self.text(rest)),
            None => self.text(text),
        }
    }
}

/// How much of the beginning of the text is the end of this secret, but not the whole of it.
fn begins_within(text: &str, secret: &str) -> Option<usize> {
    let ends = secret.char_indices().skip(1).filter_map(|(at, _)| secret.get(at..));
    ends.take_while(|end| end.len() >= SHORTEST).find(|end| text.starts_with(end)).map(str::len)
}

/// How much of the end of the text is the beginning of this secret, but not the whole of it.
fn ends_within(text: &str, secret: &str) -> Option<usize> {
    let begins = secret.char_indices().skip(1).filter_map(|(at, _)| secret.get(..at));
    begins.filter(|begin| begin.len() >= SHORTEST && text.ends_with(begin)).map(str::len).max()
}

/// What to look for: the value, its lines, and the value as JSON has it.
fn words(value: &str, in_part: bool) -> Vec<String> {
    let value = value.trim();
    let mut words = vec![value.to_owned()];
    words.extend(value.lines().map(|line| line.trim().to_owned()));
    words.extend(value.split_once(':').filter(|_| in_part).map(|(_, part)| part.to_owned()));
    let quoted = serde_json::to_string(value).unwrap_or_default();
    words.extend(quoted.strip_prefix('"').and_then(|word| word.strip_suffix('"')).map(str::to_owned));
    words
}

fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase().replace(NO_SECRET_NAME, "");
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_logs(secrets: &[&str]) -> Redaction {
        Redaction::of_logs(&secrets.iter().map(|secret| SecretString::from((*secret).to_owned())).collect::<Vec<_>>())
    }

    fn of_answers(env: &[(&str, &str)]) -> Redaction {
        let mut config = Config::default();
        config.telegram.token = Some(SecretString::from("123456:AAbbCCddEEff".to_owned()));
        for (name, value) in env {
            config.agent.env.insert((*name).to_owned(), SecretString::from((*value).to_owned()));
        }
        Redaction::of_answers(&config)
    }

    #[test]
    fn a_token_is_replaced_whole_and_in_part() {
        for redaction in [of_logs(&["123456:AAbbCCddEEff", "x"]), of_answers(&[("KEY", "x")])] {
            assert_eq!(redaction.text("bot123456:AAbbCCddEEff/GetMe"), "bot[secret]/GetMe");
            assert_eq!(redaction.text("AAbbCCddEEff and x"), "[secret] and x");
        }
    }

    #[test]
    fn a_channels_password_is_found_in_every_form_in_which_it_is_sent() {
        let mut config = Config::default();
        let toml = "[alerts.email]\nsmtp_url = 'smtps://mail%40me:pass%20word9@host'\nfrom = 'a@b'\nto = 'a@b'\n\
                    [alerts.webhook]\nurl = 'https://example.org/hook'\nsecret = 'bearer-secret'\n";
        config.alerts = figment::Figment::from(<figment::providers::Toml as figment::providers::Format>::string(toml))
            .extract_inner("alerts")
            .unwrap();
        for redaction in [Redaction::of_answers(&config), Redaction::of_logs(&config.secrets())] {
            // "\0mail@me\0pass word9" and "pass word9" in base64.
            let said = "535 AUTH PLAIN AG1haWxAbWUAcGFzcyB3b3JkOQ== LOGIN cGFzcyB3b3JkOQ== pass word9 bearer-secret";
            assert_eq!(redaction.text(said), "535 AUTH PLAIN [secret] LOGIN [secret] [secret] [secret]");
        }
    }

    #[test]
    fn a_secret_that_begins_with_another_is_replaced_whole() {
        assert_eq!(of_logs(&["abcdefgh", "abcdefghijkl"]).text("abcdefghijkl abcdefgh"), "[secret] [secret]");
    }

    #[test]
    fn of_answers_only_long_values_under_the_name_of_a_secret_are_taken() {
        for name in
            ["ANTHROPIC_API_KEY", "gh_token", "Client_Secret", "PGPASSWORD", "X_PASSWD", "CREDENTIALS", "BASIC_AUTH"]
        {
            assert_eq!(of_answers(&[(name, "12345678")]).text("a12345678b"), "a[secret]b", "{name}");
            assert_eq!(of_answers(&[(name, "1234567")]).text("a1234567b"), "a1234567b", "{name}");
        }
        for name in ["ANTHROPIC_BASE_URL", "HOME", "GIT_AUTHOR_NAME", "LANG"] {
            assert_eq!(of_answers(&[(name, "12345678")]).text("a12345678b"), "a12345678b", "{name}");
        }
        // An address has a colon too, and what follows it is ordinary.
        let address = of_answers(&[("AUTH_URL", "https://example.org")]);
        assert_eq!(address.text("http://example.org https://example.org"), "http://example.org [secret]");
    }

    #[test]
    fn a_value_of_many_lines_is_found_whole_in_lines_and_as_json() {
        let redaction = of_answers(&[("PRIVATE_KEY", "line-one-of-it\nline-two-of-it\n")]);
        assert_eq!(redaction.text("line-one-of-it\nline-two-of-it\nend"), "[secret]\nend");
        assert_eq!(redaction.text("  line-two-of-it"), "  [secret]");
        assert_eq!(redaction.text(r#"{"k":"line-one-of-it\nline-two-of-it"}"#), r#"{"k":"[secret]"}"#);
    }

    #[test]
    fn what_was_cut_may_end_within_a_secret() {
        let redaction = of_answers(&[("KEY", "sk-äö-0123456789"), ("AUTH", "sk-äö-0123-other")]);
        assert_eq!(redaction.head("use sk-äö-01234…"), "use [secret]…");
        assert_eq!(redaction.head("use sk-äö-0123…"), "use [secret]…");
        assert_eq!(redaction.head("sk-äö-0123456789 sk-äö-0…"), "[secret] [secret]…");
        assert_eq!(redaction.head("sk-äö-0123456789…"), "[secret]…");
        assert_eq!(redaction.head("use sk-äö…"), "use sk-äö…", "too short to tell anything");
        assert_eq!(redaction.head("use sk-äö-01234"), "use sk-äö-01234", "it was not cut");
        assert_eq!(redaction.head("…"), "…");
    }

    #[test]
    fn a_tail_may_begin_within_a_secret() {
        let redaction = of_answers(&[("KEY", "sk-äö-0123456789")]);
        assert_eq!(redaction.tail("ö-0123456789 end sk-äö-0123456789"), "[secret] end [secret]");
        assert_eq!(redaction.tail("23456789"), "[secret]");
        assert_eq!(redaction.tail("3456789 end"), "3456789 end");
        assert_eq!(redaction.tail("sk-äö-0123456789"), "[secret]");
        assert_eq!(redaction.tail(""), "");
    }
}
