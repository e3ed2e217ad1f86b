//! Sections of an exported configuration of which a secret is a needed part: without it nothing would start. Such a section is kept as a
//! *comment*, which says what to set; where this environment has the secret it stays as it is.

use toml_edit::{DocumentMut, Item, Table};

/// The secrets without which their section is refused.
const NEEDED: [&str; 3] = ["alerts.email.smtp_url", "alerts.sms.auth_token", "alerts.webhook.url"];

/// The text with such sections as comments, and their names. `left_out` has the keys of the secrets that did not travel.
pub(super) fn as_comments(text: &str, left_out: &[String], variables: &[String]) -> (String, Vec<String>) {
    let (mut text, mut names) = (text.to_owned(), Vec::new());
    for key in NEEDED {
        let variable = format!("AGENTLAB_{}", key.replace('.', "__"));
        if !left_out.iter().any(|left| left == key) || variables.iter().any(|set| set.eq_ignore_ascii_case(&variable)) {
            continue;
        }
        let Some((section, _)) = key.rsplit_once('.') else { continue };
        let Some((rest, comment)) = without(&text, section) else { continue };
        let secrets = left_out.iter().filter(|left| left.starts_with(&format!("{section}.")));
        let secrets: Vec<&str> = secrets.map(String::as_str).collect();
        text = format!(
            "{}\n\n# To use it again, set {} and remove the marks: it was exported without its secrets.\n{comment}",
            rest.trim_end(),
            secrets.join(" and ")
        );
        names.push(section.to_owned());
    }
    (text, names)
}

/// The text without this section, and the section as a comment.
fn without(text: &str, section: &str) -> Option<(String, String)> {
    let mut document: DocumentMut = text.parse().ok()?;
    let (table, name) = section.split_once('.')?;
    let around = document.get_mut(table)?;
    // Into an inline table nothing can be added from below.
    if around.is_inline_table() {
        *around = Item::Table(std::mem::take(around).into_table().ok()?);
    }
    let mut found = around.as_table_like_mut()?.remove(name)?.into_table().ok()?;
    // Its keys stand below its name, wherever it is put.
    found.set_dotted(false);
    let mut parent = Table::new();
    parent.set_implicit(true);
    parent.insert(name, Item::Table(found));
    let mut alone = DocumentMut::new();
    alone.insert(table, Item::Table(parent));
    let alone = alone.to_string();
    let comment = alone.trim().lines().fold(String::new(), |text, line| text + format!("# {line}").trim_end() + "\n");
    Some((document.to_string(), comment))
}

#[cfg(test)]
mod tests {
    use super::{super::config::without_secrets, *};
    use crate::{
        config::{self, Config, ConfigError},
        home::Home,
    };

    /// Every form that an exported section may have, without its secret.
    const FORMS: [&str; 4] = [
        "[alerts.webhook] # mine\n# who reads it\nleast = 'info'\n\n[alerts.email]\nfrom = 'a@example.org'\nto = 'b@example.org'\n\n\
         [alerts.sms]\naccount_sid = 'AC1'\nfrom = 'me'\nto = '+4912345678'\n[workers]\ncount = 2\n",
        "[workers]\ncount = 2\n[alerts]\nwebhook = { least = 'info' }\nemail = { from = 'a@example.org', to = 'b@example.org' }\n\
         sms = { account_sid = 'AC1', from = 'me', to = '+4912345678' }\n",
        "alerts.webhook.least = 'info'\nalerts.email.from = 'a@example.org'\nalerts.email.to = 'b@example.org'\n\
         alerts.sms.account_sid = 'AC1'\nalerts.sms.from = 'me'\nalerts.sms.to = '+4912345678'\nworkers.count = 2\n",
        "alerts = { webhook = { least = 'info' }, email = { from = 'a@example.org', to = 'b@example.org' }, \
         sms = { account_sid = 'AC1', from = 'me', to = '+4912345678' } }\n[workers]\ncount = 2\n",
    ];

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_path_buf()).unwrap();
        std::fs::write(home.config(), text).unwrap();
        config::load(&home)
    }

    fn left_out() -> Vec<String> {
        let all = ["telegram.token", "alerts.webhook.secret"].iter().chain(&NEEDED);
        all.map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn what_is_left_is_a_configuration_and_with_its_secrets_it_is_the_old_one_again() {
        for text in FORMS {
            assert!(read(text).is_err(), "{text}");
            let (kept, names) = as_comments(text, &left_out(), &[]);
            assert_eq!(names, ["alerts.email", "alerts.sms", "alerts.webhook"], "{text}");
            let config = read(&kept).unwrap();
            assert!(config.workers.count == 2 && config.alerts.webhook.is_none(), "{kept}");
            assert!(kept.contains("set alerts.webhook.secret and alerts.webhook.url and remove the marks"), "{kept}");
            assert_eq!(as_comments(&kept, &left_out(), &[]), (kept.clone(), vec![]), "once");
            // As a person does who follows the words.
            let marked = |line: &&str| !line.starts_with("# To use it again");
            let again: String = kept.lines().filter(marked).fold(String::new(), |text, line| {
                let line = line.strip_prefix("# ").unwrap_or(line);
                let secret = match line {
                    line if line.starts_with("[alerts.webhook]") => "url = 'https://hook/1'\n",
                    line if line.starts_with("[alerts.email]") => "smtp_url = 'smtps://mail'\n",
                    line if line.starts_with("[alerts.sms]") => "auth_token = 'x'\n",
                    _ => "",
                };
                text + line + "\n" + secret
            });
            let config = read(&again).unwrap_or_else(|error| panic!("{error}: {again}"));
            let Some(sms) = config.alerts.sms else { panic!("{again}") };
            assert!(sms.to == "+4912345678" && config.alerts.email.is_some(), "{again}");
            assert_eq!(config.alerts.webhook.unwrap().least.as_str(), "info");
        }
    }

    #[test]
    fn no_secret_at_all_is_left_without_which_nothing_starts() {
        let all = format!(
            "[telegram]\ntoken = '1:x'\n[agent.env]\nKEY = 'x'\n{}",
            FORMS[0]
                .replace("[alerts.webhook]", "[alerts]\ndead_mans_switch_url = 'https://a/1'\n[alerts.webhook]")
                .replace("least =", "url = 'https://hook/1'\nsecret = 'x'\nleast =")
                .replace("account_sid", "auth_token = 'x'\naccount_sid")
                .replace("to = 'b", "smtp_url = 'smtps://mail'\nto = 'b")
        );
        let before = read(&all).unwrap();
        assert!(before.telegram.token.is_some() && before.alerts.dead_mans_switch_url.is_some());
        let (exported, left_out) = without_secrets(&all, &[]).unwrap();
        assert!(read(&exported).is_err());
        assert_eq!(left_out.len(), 7, "{left_out:?}");
        assert!(read(&as_comments(&exported, &left_out, &[]).0).is_ok());
    }

    #[test]
    fn one_that_was_whole_without_a_secret_of_the_file_and_one_that_this_environment_completes_stay() {
        let text = FORMS[0];
        assert_eq!(as_comments(text, &["telegram.token".to_owned()], &[]), (text.to_owned(), vec![]));
        let set = NEEDED.map(|key| format!("AGENTLAB_{}", key.to_uppercase().replace('.', "__")));
        assert_eq!(as_comments(text, &left_out(), &set), (text.to_owned(), vec![]));
    }
}
