use super::{
    super::load::tests::{load_text, refusal},
    *,
};

const EMAIL: &str = "[alerts.email]\nfrom = 'a@example.org'\nto = 'b@example.org'\n";
const SMS: &str = "[alerts.sms]\naccount_sid = 'AC1'\nauth_token = 'tokentoken'\nfrom = '+15551'\n";

#[test]
fn every_refusal_names_the_key_and_no_secret() {
    for (text, needle) in [
        ("[alerts]\ncooldown_minutes = 0".to_owned(), "alerts.cooldown_minutes must be from 1"),
        ("[alerts]\ndisk_percent = 101".to_owned(), "alerts.disk_percent must be from 1 to 100"),
        ("[alerts]\ntelegram_least = 'loud'".to_owned(), "`loud` is no severity: it is one of info, warning, critical"),
        ("[alerts]\ndead_mans_switch_url = 'ping/hunter2hunter2'".to_owned(), "alerts.dead_mans_switch_url must"),
        ("[alerts.webhook]\nurl = 'ftp://x/hunter2hunter2'".to_owned(), "alerts.webhook.url must"),
        (format!("{EMAIL}smtp_url = 'mail://u:hunter2hunter2@h'"), "alerts.email.smtp_url must be such as"),
        (format!("{EMAIL}smtp_url = 'smtp://u:hunter2hunter2@h?tls=maybe'"), "alerts.email.smtp_url must be such as"),
        (format!("{EMAIL}smtp_url = 'smtp://u:hunter2hunter2@h'"), "in the clear: add ?tls=required"),
        (format!("{EMAIL}smtp_url = 'smtp://u:hunter2hunter2@h?tls=opportunistic'"), "in the clear"),
        ("[alerts.email]\nsmtp_url = 'smtp://h'\nfrom = 'a'\nto = 'b@x.org'".to_owned(), "alerts.email.from must be"),
        ("[alerts.email]\nsmtp_url = 'smtp://h'\nfrom = 'a@x.org'\nto = ''".to_owned(), "alerts.email.to must be"),
        (format!("{SMS}to = '0151'"), "alerts.sms.to must be a number such as +49"),
        (format!("{SMS}to = '+4915112345678'\napi_url = 'here'"), "alerts.sms.api_url must"),
        ("[alerts.sms]\nto = '+4915112345678'".to_owned(), "account_sid"),
        ("[alerts.email]\nsmpt_url = 'x'".to_owned(), "did you mean `alerts.email.smtp_url`?"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(needle) && !message.contains("hunter2"), "{text:?}: {message}");
    }
}

#[test]
fn what_is_configured_is_read_and_no_secret_is_printed() {
    let text = format!(
        "[alerts]\ncooldown_minutes = 5\ndead_mans_switch_url = 'https://hc.example/ping/0123-4567'\n{EMAIL}\
         smtp_url = 'smtps://u:p%40ssword1@h'\n{SMS}to = '+4915112345678'\n\
         [alerts.webhook]\nurl = 'https://x.example/hooks/abcdefgh'\nsecret = 'bearerbearer'\nleast = 'info'\n"
    );
    let config = load_text(&text).unwrap();
    let alerts = &config.alerts;
    assert_eq!(alerts.email.as_ref().unwrap().least, Severity::Warning);
    assert_eq!(alerts.sms.as_ref().unwrap().least, Severity::Critical);
    assert_eq!(alerts.webhook.as_ref().unwrap().least, Severity::Info);
    assert_eq!(alerts.limits(std::time::Duration::ZERO).disk_percent, 90);
    let printed = format!("{config:?}");
    let redaction = crate::redaction::Redaction::of_logs(&config.secrets());
    for secret in ["p%40ssword1", "p@ssword1", "ping/0123-4567", "hooks/abcdefgh", "bearerbearer", "tokentoken"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
        assert!(!redaction.text(&format!("x {secret} y")).contains(secret), "{secret}");
    }
    // A password for a server on this machine goes nowhere.
    assert!(load_text(&format!("{EMAIL}smtp_url = 'smtp://u:secretsecret@127.0.0.1:2525'")).is_ok());
}
