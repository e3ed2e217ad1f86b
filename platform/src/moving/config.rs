//! The configuration as it may travel: as it was written, without the keys that hold secrets. Which values are secrets is what
//! `config::Config::secrets` says; here are the places where a file has them.

use secrecy::{ExposeSecret, SecretString};
use toml_edit::{DocumentMut, Item};

/// Keys that are secrets, and a table all of whose values are.
const SECRET: [&str; 7] = [
    "telegram.token",
    "agent.env.*",
    "alerts.email.smtp_url",
    "alerts.sms.auth_token",
    "alerts.webhook.url",
    "alerts.webhook.secret",
    "alerts.dead_mans_switch_url",
];
/// Shorter secrets may be part of any word.
const SHORTEST: usize = 6;

/// The text without secrets, and the keys that were left out. A text that is no TOML, or that has one of these secrets in a place
/// where none belongs, does not travel at all: `None`.
pub(super) fn without_secrets(text: &str, secrets: &[SecretString]) -> Option<(String, Vec<String>)> {
    let mut document: DocumentMut = text.parse().ok()?;
    let mut left_out = Vec::new();
    for path in SECRET {
        let mut parts: Vec<&str> = path.split('.').collect();
        let key = parts.pop()?;
        let mut place = Some(document.as_item_mut());
        for part in &parts {
            place = place.and_then(Item::as_table_like_mut).and_then(|table| table.get_mut(part));
        }
        let Some(table) = place.and_then(Item::as_table_like_mut) else { continue };
        let names: Vec<String> = if key == "*" {
            table.iter().map(|(name, _)| name.to_owned()).collect()
        } else {
            table.contains_key(key).then(|| key.to_owned()).into_iter().collect()
        };
        for name in names {
            table.remove(&name);
            left_out.push(format!("{}.{name}", parts.join(".")));
        }
    }
    let mut kept = document.to_string();
    // A comment may hold what was the token once.
    let holds = |line: &str| secrets.iter().any(|secret| is_in(secret, line));
    if holds(&kept) {
        kept = kept
            .lines()
            .filter(|line| !(line.trim_start().starts_with('#') && holds(line)))
            .fold(String::new(), |text, line| text + line + "\n");
    }
    (!holds(&kept)).then_some((kept, left_out))
}

fn is_in(secret: &SecretString, text: &str) -> bool {
    let secret = secret.expose_secret();
    secret.len() >= SHORTEST && text.contains(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\n[telegram]\ntoken = '123:abcdefgh' # of BotFather\nallowed_users = [1]\n\n\
        [agent.env]\nKEY = 'sk-secret-1'\n\n[workers]\ncount = 2 # two\n\n[alerts]\ncooldown_minutes = 5\n\
        dead_mans_switch_url = \"https://example/abc\"\nwebhook = { url = 'https://hook/1', secret = 'topsecret' }\n";

    fn secrets(all: &[&str]) -> Vec<SecretString> {
        all.iter().map(|text| SecretString::from((*text).to_owned())).collect()
    }

    #[test]
    fn what_a_person_wrote_stays_and_secrets_are_named_and_left_out() {
        let (kept, left_out) =
            without_secrets(TEXT, &secrets(&["123:abcdefgh", "sk-secret-1", "https://example/abc", "topsecret"]))
                .unwrap();
        assert_eq!(
            left_out,
            [
                "telegram.token",
                "agent.env.KEY",
                "alerts.webhook.url",
                "alerts.webhook.secret",
                "alerts.dead_mans_switch_url"
            ]
        );
        for word in ["abcdefgh", "sk-secret", "example", "hook/1", "topsecret"] {
            assert!(!kept.contains(word), "{word}: {kept}");
        }
        for word in ["# mine", "allowed_users = [1]", "count = 2 # two", "cooldown_minutes = 5"] {
            assert!(kept.contains(word), "{word}: {kept}");
        }
    }

    #[test]
    fn other_forms_of_the_same_are_found() {
        for text in ["telegram.token = '123:abcdefgh'", "telegram = { token = '''123:abcdefgh''' }"] {
            let (kept, left_out) = without_secrets(text, &secrets(&["123:abcdefgh"])).unwrap();
            assert_eq!((kept.contains("abcdefgh"), left_out), (false, vec!["telegram.token".to_owned()]), "{text}");
        }
    }

    #[test]
    fn a_secret_in_a_comment_goes_with_its_line_and_one_in_another_key_keeps_all_of_it() {
        let secret = secrets(&["123:abcdefgh"]);
        let (kept, _) = without_secrets("# once 123:abcdefgh\n# mine\n[workers]\ncount = 2\n", &secret).unwrap();
        assert_eq!(kept, "# mine\n[workers]\ncount = 2\n");
        assert_eq!(without_secrets("[agent]\ncommand = '/bin/x 123:abcdefgh'\n", &secret), None);
        assert_eq!(without_secrets("[telegram", &secret), None);
    }
}
