//! The newest backup: how old it is, and whether a system could begin with it, which is tried on a scratch copy.

use std::time::Duration;

use agentlab_domain::{progress, report::tasks};
use agentlab_platform::{
    backup::{self, Backup},
    calendar, clock,
    config::Config,
    home::Home,
};

use super::finding::Finding;

const ID: &str = "backup";
const NOW: &str = "`agentlab backup now` makes one and says what is in its way";

/// What there is to be said where the database is gone too.
const GONE: &str = "there is none, and the database is gone";

fn copies(config: &Config) -> String {
    let from = config.backup.copy_to.as_ref().map_or_else(
        || "a folder where you keep copies of backups".to_owned(),
        |second| format!("{} (backup.copy_to)", second.display()),
    );
    format!("copy the newest folder NUMBER-TIME from {from} into backups/ of the home, and start again")
}

pub(super) async fn finding(home: &Home, config: &Config) -> Option<Finding> {
    if let Err(why) = backup::readable(home) {
        return Some(Finding::problem(ID, why, "then `agentlab backup now`"));
    }
    let Some(newest) = backup::newest(home) else {
        if let Some(Backup { name, bad: Some(why), .. }) = backup::all(home).into_iter().next() {
            let remedy = "`agentlab backup now` makes one, where the database is there; else put a copy from backup.copy_to into backups/. Keep \
                          the bad ones until then";
            return Some(Finding::problem(ID, format!("none of them is sound: {name}: {why}"), remedy));
        }
        // Where nothing ever ran there is nothing to lose.
        return home.crash_history().exists().then(|| match backup::failure(home) {
            Some(failure) => Finding::problem(ID, format!("there is none: {}", failure.words), NOW),
            None if !home.database().exists() => Finding::problem(ID, GONE, copies(config)),
            None => Finding::warning(ID, "there is none yet: the first is made soon after agentlab is started", NOW),
        });
    };
    let age = Duration::from_millis(u64::try_from(newest.age_ms()).unwrap_or_default());
    let limit = config.alerts.limits(Duration::from_mins(config.backup.every_minutes)).backup_old;
    let made = calendar::clock_time(newest.at, clock::now_ms());
    if let Err(error) = backup::verify(home, &newest).await {
        return Some(match error {
            backup::BackupError::Busy => {
                Finding::plain(ID, true, format!("{} is of {made}; another one is made now", newest.name))
            }
            backup::BackupError::File { .. } | backup::BackupError::Copy(_) | backup::BackupError::Untried(_) => {
                let words = format!("whether {} of {made} can be restored cannot be tried: {error}", newest.name);
                Finding::problem(ID, words, "put that right, then `agentlab doctor`")
            }
            backup::BackupError::Unsound(_) => {
                let folder = home.backups().join(&newest.name);
                let remedy = format!("{NOW}; only then remove this one, `rm -r {}`", folder.display());
                Finding::problem(ID, format!("{} of {made} cannot be restored: {error}", newest.name), remedy)
            }
        });
    }
    let words = format!("{} of {made} can be restored ({})", newest.name, tasks(newest.tasks()));
    if let Some(second) = &config.backup.copy_to
        && backup::has_copy(home, second, &newest).await != Some(true)
    {
        let why = backup::uncopied(home).map(|failure| format!(": {}", failure.words)).unwrap_or_default();
        let what =
            format!("{words}, and it is not in {}, as far as that answers (backup.copy_to){why}", second.display());
        return Some(Finding::warning(ID, what, NOW));
    }
    if age <= limit {
        return Some(Finding::plain(ID, true, words));
    }
    let old = progress::elapsed(newest.age_ms());
    let why = backup::failure(home).map(|failure| format!(": {}", failure.words)).unwrap_or_default();
    Some(Finding::warning(ID, format!("{words}, and it is {old} old{why}"), NOW))
}
