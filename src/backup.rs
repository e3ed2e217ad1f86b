//! `backup`: makes a backup now, lists them, tries again whether they can be restored, or restores one.

use std::time::Duration;

use agentlab_domain::{backup::Reason, exit_code, report};
use agentlab_platform::{
    backup::{self, Backup, BackupError},
    calendar, clock, config,
    db::DbError,
    home::Home,
    restore::{self, Depth},
};
use serde::Serialize;

use crate::{args, failure::Failure, print, system};

/// How long others may take to let go of a database that is to be replaced.
const RESTORE: Duration = Duration::from_mins(1);

/// One backup, tried.
#[derive(Debug, Serialize)]
struct Tried {
    id: String,
    /// Nothing where that could not be tried.
    sound: Option<bool>,
    /// Why it is not, or could not be.
    why: Option<String>,
}

/// Does one of them.
pub async fn backup(what: args::Backup, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    backup::readable(&home).map_err(Failure::words)?;
    match what {
        args::Backup::Now => now(&home, as_json).await,
        args::Backup::List => list(&home, as_json),
        args::Backup::Verify { name } => verify(&home, name.as_deref(), as_json).await,
        args::Backup::Restore { name } => restore(&home, name.as_deref(), as_json).await,
    }
}

async fn now(home: &Home, as_json: bool) -> Result<u8, Failure> {
    let config = config::load(home)?;
    let db = system::database(home).await?;
    let taken =
        backup::take(&db, &config.backup, Reason::ByHand).await.map_err(|error| Failure::words(error.to_string()))?;
    if as_json {
        print::json(&serde_json::json!({ "backup": shown(&taken.backup), "not_copied": taken.not_copied }))?;
    } else {
        let Backup { name, bytes, .. } = &taken.backup;
        let tasks = report::tasks(taken.backup.tasks());
        print::line(&format!("{name}: {tasks}, {}, tried and found sound", size(*bytes)));
    }
    match taken.not_copied {
        Some(why) => {
            // The object has it already.
            if !as_json {
                print::error(&format!("it was not copied to backup.copy_to: {why}"));
            }
            Ok(exit_code::FAILED)
        }
        None => Ok(exit_code::DONE),
    }
}

fn list(home: &Home, as_json: bool) -> Result<u8, Failure> {
    let all = backup::all(home);
    if as_json {
        print::json(&all.iter().map(shown).collect::<Vec<_>>())?;
        return Ok(exit_code::DONE);
    }
    let now = clock::now_ms();
    let row = |backup: &Backup| {
        let time = |at| calendar::clock_time(at, now);
        vec![
            backup.name.clone(),
            time(backup.at),
            backup.tasks().to_string(),
            size(backup.bytes),
            backup.reason.words(),
            backup.bad.as_ref().map_or_else(|| time(backup.verified_at), |bad| format!("BAD: {bad}")),
        ]
    };
    print::table(&["backup", "made", "tasks", "size", "why", "found sound"], all.iter().map(row).collect());
    if all.is_empty() {
        print::line("there is no backup yet: `agentlab backup now` makes one; a running agentlab makes them by itself");
    }
    if let Some(failure) = backup::failure(home) {
        let when = calendar::clock_time(failure.at, now);
        print::error(&format!("the last attempt failed at {when}: {}", failure.words));
    }
    let wanted = config::load(home).is_ok_and(|config| config.backup.copy_to.is_some());
    if let Some(failure) = backup::uncopied(home).filter(|_| wanted) {
        let when = calendar::clock_time(failure.at, now);
        print::error(&format!("since {when} they are not copied to backup.copy_to: {}", failure.words));
    }
    Ok(exit_code::DONE)
}

async fn verify(home: &Home, name: Option<&str>, as_json: bool) -> Result<u8, Failure> {
    let all = backup::all(home);
    let asked: Vec<&Backup> = all.iter().filter(|backup| name.is_none_or(|name| backup.name == name)).collect();
    if asked.is_empty() {
        let what = name.map_or("there is no backup".to_owned(), |name| format!("there is no backup {name}"));
        return Err(Failure::words(format!("{what}: `agentlab backup list` names them")));
    }
    let mut tried = Vec::new();
    for backup in asked {
        let (sound, why) = match backup::verify(home, backup).await {
            Ok(_) => (Some(true), None),
            Err(error @ BackupError::Unsound(_)) => (Some(false), Some(error.to_string())),
            Err(BackupError::Untried(fault)) => (None, Some(format!("it could not be tried now: {fault}"))),
            Err(error @ (BackupError::Busy | BackupError::File { .. } | BackupError::Copy(_))) => {
                (None, Some(format!("it could not be tried now: {error}")))
            }
        };
        if !as_json {
            let word = sound.map_or("?   ", |sound| if sound { "ok  " } else { "BAD " });
            print::line(&format!(
                "{word} {}{}",
                backup.name,
                why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
            ));
        }
        tried.push(Tried { id: backup.name.clone(), sound, why });
    }
    if as_json {
        print::json(&tried)?;
    }
    let sound = tried.iter().all(|one| one.sound == Some(true));
    Ok(if sound { exit_code::DONE } else { exit_code::FAILED })
}

/// Has the database replaced: by whoever opens it first once everybody has let go of it, which may be this process.
async fn restore(home: &Home, name: Option<&str>, as_json: bool) -> Result<u8, Failure> {
    let all = backup::all(home);
    let wanted = match name {
        Some(name) => all.iter().find(|backup| backup.name == name).cloned(),
        None => restore::newest(home),
    };
    let Some(wanted) = wanted else {
        let words = name.map_or_else(
            || {
                "no backup here is sound, so nothing was changed: copy the newest folder NUMBER-TIME of `backup.copy_to`, where you set \
                 that, into backups/ and try again"
                    .to_owned()
            },
            |name| format!("there is no backup {name}: `agentlab backup list` names them; nothing was changed"),
        );
        return Err(Failure::words(words));
    };
    let before = restore::last(home).map(|report| report.at);
    restore::wish(home, &wanted).await?;
    let began = clock::instant();
    let opened = loop {
        match restore::attempt(home, Depth::Quick).await {
            Err(DbError::SetAside) if began.elapsed() < clock::scaled(RESTORE) => {
                tokio::time::sleep(system::LOOK).await;
            }
            opened => break opened,
        }
    };
    let done = restore::last(home).filter(|report| Some(report.at) != before);
    match (opened, done) {
        (_, Some(report)) if as_json => print::json(&report)?,
        (_, Some(report)) => print::line(&report.words()),
        (Err(DbError::SetAside), None) => {
            let words =
                "somebody still has the database open: it is restored as soon as nobody has; `agentlab status` tells";
            return Err(Failure::words(words.to_owned()));
        }
        (Err(error), None) => return Err(error.into()),
        // Another process came to it first, and found so.
        (Ok(_), None) => {
            let words = format!(
                "{} cannot be begun with, and nothing was changed: `agentlab backup verify` says why",
                wanted.name
            );
            return Err(Failure::words(words));
        }
    }
    Ok(exit_code::DONE)
}

fn shown(backup: &Backup) -> serde_json::Value {
    let mut shown = serde_json::json!(backup);
    shown["id"] = backup.name.clone().into();
    shown
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1_048_576)),
    }
}
