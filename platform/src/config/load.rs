//! Reading the configuration. Whatever is wrong is one sentence that names the key and what to do.

use std::path::PathBuf;

use agentlab_domain::{isolation::Isolation, role::MOST_WORKERS};
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use secrecy::{ExposeSecret, SecretString};

use super::{Config, explain::explain};
use crate::{digest, files, home::Home};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path:?} cannot be read: {error}")]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{place}: unknown key `{key}`{}", .nearest.as_ref().map(|key| format!("; did you mean `{key}`?")).unwrap_or_default())]
    UnknownKey { place: String, key: String, nearest: Option<String> },
    #[error("{place}: {what}")]
    Invalid { place: String, what: String },
}

/// Loads the configuration of this home; a missing file is an empty one.
pub fn load(home: &Home) -> Result<Config, ConfigError> {
    let path = home.config();
    let text = match files::readable(&path).and_then(|()| std::fs::read_to_string(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(ConfigError::Unreadable { path, error }),
    };
    let figment = Figment::from(Toml::string(&text)).merge(environment());
    let mut config: Config = figment.extract().map_err(|error| explain(&error, &path))?;
    config.fingerprint = fingerprint(&text);
    let place_of = |key: &str| {
        let known = figment.find_metadata(key).is_some_and(|metadata| metadata.name.contains("environment"));
        if known { "the environment".to_owned() } else { path.display().to_string() }
    };
    check(config, place_of)
}

/// SHA-256 of the file's text and of the environment over it.
fn fingerprint(text: &str) -> String {
    let mut over: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with("AGENTLAB_") && name.contains("__"))
        .collect();
    over.sort();
    digest::sha256(&format!("{text}\0{over:?}"))
}

/// The variables by which this environment configures, in order.
pub fn variables() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("AGENTLAB_") && name.contains("__")).collect();
    names.sort();
    names
}

/// `AGENTLAB_SECTION__KEY`: only names with `__` are configuration (`AGENTLAB_HOME` is not).
fn environment() -> Env {
    Env::prefixed("AGENTLAB_").filter(|name| name.as_str().contains("__")).split("__")
}

fn check(mut config: Config, place_of: impl Fn(&str) -> String) -> Result<Config, ConfigError> {
    // Each sentence begins with the key it is about.
    let invalid = |what: String| {
        let key = what.split([' ', ',']).next().unwrap_or_default().to_owned();
        ConfigError::Invalid { place: place_of(&key), what }
    };
    if let Some(file) = &config.telegram.token_file {
        if config.telegram.token.is_some() {
            return Err(invalid("telegram.token_file and telegram.token are both set: keep one".into()));
        }
        // Whoever mistook the one for the other finds no token in an error.
        if is_token(&file.to_string_lossy()) {
            return Err(invalid(
                "telegram.token_file is to name a file; a token itself belongs into telegram.token".into(),
            ));
        }
        let text =
            std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable { path: file.clone(), error })?;
        if text.trim().is_empty() {
            return Err(invalid(format!("telegram.token_file {file:?} is empty: put the token into it")));
        }
        config.telegram.token = Some(SecretString::from(text.trim().to_owned()));
    }
    config.telegram.token = config.telegram.token.filter(|token| !token.expose_secret().trim().is_empty());
    if config.telegram.token.as_ref().is_some_and(|token| !is_token(token.expose_secret())) {
        return Err(invalid("telegram.token is no bot token: it looks like 123456789:AA…, from @BotFather".into()));
    }
    if !(1..=MOST_WORKERS).contains(&config.workers.count) {
        return Err(invalid(format!("workers.count must be from 1 to {MOST_WORKERS}")));
    }
    if !(1..=10).contains(&config.retry.max_attempts) {
        return Err(invalid("retry.max_attempts must be from 1 to 10".into()));
    }
    let budget = &config.budget;
    for (key, usd) in [
        ("task_usd", budget.task_usd),
        ("user_daily_usd", budget.user_daily_usd),
        ("daily_usd", budget.daily_usd),
        ("monthly_usd", budget.monthly_usd),
    ] {
        if usd.is_some_and(|usd| !(0.01..=1_000_000.0).contains(&usd)) {
            return Err(invalid(format!("budget.{key} must be from 0.01 to 1000000 (US dollars)")));
        }
    }
    for (key, count) in [("per_minute", config.rate.per_minute), ("per_hour", config.rate.per_hour)] {
        if count == 0 {
            return Err(invalid(format!("rate.{key} must be at least 1: with 0 nobody could send a task")));
        }
    }
    for (key, minutes) in
        [("max_run_minutes", config.agent.max_run_minutes), ("no_progress_minutes", config.agent.no_progress_minutes)]
    {
        if !(1..=7 * 24 * 60).contains(&minutes) {
            return Err(invalid(format!("agent.{key} must be from 1 to 10080 (a week)")));
        }
    }
    config.backup.check().map_err(invalid)?;
    config.retention.check().map_err(invalid)?;
    config.alerts.check().map_err(invalid)?;
    for (name, project) in &config.projects {
        if !project.path.is_absolute() {
            return Err(invalid(format!("projects.{name}.path must be an absolute path, not {:?}", project.path)));
        }
        if let Some(empty) = project.checks.iter().position(|check| check.trim().is_empty() || check.contains('\0')) {
            return Err(invalid(format!(
                "projects.{name}.checks has an empty command in place {}: give a command such as \"cargo test\", or remove it",
                empty + 1
            )));
        }
        if project.isolation == Isolation::Worktree {
            return Err(invalid(format!(
                "projects.{name}.isolation = \"worktree\" is not available yet: use \"exclusive\" or \"none\""
            )));
        }
    }
    Ok(config)
}

/// Whether it looks like a token of @`BotFather`'s.
fn is_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, _)| id.parse::<i64>().is_ok())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn load_text(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_path_buf()).unwrap();
        std::fs::write(home.config(), text).unwrap();
        load(&home)
    }

    pub(in super::super) fn refusal(text: &str) -> String {
        let error = load_text(text).unwrap_err().to_string();
        error.split_once(": ").map(|(_, what)| what.to_owned()).unwrap_or(error)
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_nearest_one() {
        assert_eq!(refusal("[telegram]\ntokn = 'x'"), "unknown key `telegram.tokn`; did you mean `telegram.token`?");
        assert_eq!(refusal("[telegramm]\n"), "unknown key `telegramm`; did you mean `telegram`?");
        assert_eq!(
            refusal("[projects.a]\npath = '/x'\nisolatoin = 'none'"),
            "unknown key `projects.a.isolatoin`; did you mean `projects.a.isolation`?"
        );
    }

    #[test]
    fn every_refusal_names_the_key() {
        for (text, needle) in [
            ("[telegram]\nallowed_users = 'me'", "telegram.allowed_users"),
            ("[telegram]\ntoken = 'hello'", "telegram.token"),
            ("[workers]\ncount = 0", "workers.count"),
            ("[projects.a]\npath = 'x'", "projects.a.path"),
            ("[projects.a]\npath = '/x'\nisolation = 'worktree'", "not available yet"),
            ("[projects.a]\npath = '/x'\nchecks = ['true', ' ']", "projects.a.checks has an empty command in place 2"),
            ("[projects.a]\npath = '/x'\nchecks = 'true'", "projects.a.checks"),
            ("[console]\nport = 99999", "console.port"),
            ("[budget]\ndaily_usd = -1", "budget.daily_usd"),
            ("[budget]\ntask_usd = nan", "budget.task_usd"),
            ("[rate]\nper_minute = 0", "rate.per_minute"),
            ("[rate]\nper_hour = 0", "rate.per_hour"),
            ("[backup]\nkeep = 0", "backup.keep"),
            ("[retention]\njobs_days = 1", "retention.jobs_days"),
            ("[retention]\nruns_days = 0", "retention.runs_days"),
            ("[retention]\naudit_days = 29", "retention.audit_days"),
            ("[backup]\nevery_minutes = 0", "backup.every_minutes"),
            ("[backup]\ncopy_to = 'elsewhere'", "backup.copy_to"),
            ("[agent", "expected"),
        ] {
            let message = refusal(text);
            assert!(message.contains(needle), "{text:?}: {message}");
        }
    }

    #[test]
    fn checks_are_those_of_the_project_in_its_own_directory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let text = format!("[projects.shop]\npath = '{}'\nchecks = ['cargo test']", path.display());
        let config = load_text(&text).unwrap();
        assert_eq!(config.checks("shop", &path), ["cargo test"]);
        assert!(config.checks("shop", std::path::Path::new("/")).is_empty(), "another directory of that name");
        assert!(config.checks("workspace", &path).is_empty());
    }

    #[test]
    fn a_missing_file_is_the_default_and_a_secret_is_never_printed() {
        let config = load_text("[telegram]\ntoken = '123:secretsecret'\nallowed_users = [5]").unwrap();
        assert_eq!(config.telegram.allowed_users, [5]);
        assert!(!format!("{config:?}").contains("secretsecret"));
        let folder = tempfile::tempdir().unwrap();
        let empty = load(&Home::at(folder.path().to_path_buf()).unwrap()).unwrap();
        assert_eq!((empty.workers.count, empty.console.port), (3, 8080));
    }
}
