//! The database beyond "it can be read": rows that point nowhere, and a log that grows.

use agentlab_domain::report::tasks;
use agentlab_platform::{
    backup, calendar, clock,
    db::{Db, DbError, migrate},
    home::Home,
    journal, restore,
};

use super::finding::Finding;

/// From so many bytes on the log is large: it is moved into the database every few thousand pages, unless somebody keeps it.
const LARGE: u64 = 64 * 1024 * 1024;

/// A database that cannot be read, and what helps. A damaged one is put right by nobody: a sound backup takes its place.
pub(super) async fn unreadable(home: &Home, error: &DbError) -> Finding {
    if !error.is_damage() {
        return Finding::plain("database", false, error.to_string());
    }
    let what = format!("{} is damaged: {error}", home.database().display());
    for backup in backup::all(home) {
        if backup::verify(home, &backup).await.is_ok() {
            let made = calendar::clock_time(backup.at, clock::now_ms());
            let remedy = format!(
                "`agentlab backup restore`, or any start of agentlab, restores it by itself: from {} of {made} ({}), with what \
                 the journal has beyond it. What is there now is kept in set-aside/ (docs/features/backups.md)",
                backup.name,
                tasks(backup.tasks()),
            );
            return Finding::problem("database", what, remedy);
        }
    }
    let remedy = "no backup here is sound (look into backup.copy_to, if you set it). Any start of agentlab builds it again from the journal \
                  where that is whole, and refuses otherwise: then copy every agentlab.db* to a safe place, and let `sqlite3 agentlab.db \
                  .recover` save what can be read";
    Finding::problem("database", what, remedy)
}

/// What was restored last.
pub(super) fn restored(home: &Home) -> Option<Finding> {
    let report = restore::last(home)?;
    let when = calendar::clock_time(report.at, clock::now_ms());
    let (what, again) =
        (format!("{when}: {}", report.words()), "should it happen again, look at the disk (`dmesg`, SMART)");
    Some(Finding::warning("restored", what, again))
}

/// A journal that nothing can be written to: then nothing is accepted and nothing ends.
pub(super) fn journal(home: &Home) -> Option<Finding> {
    if let Err((path, error)) = journal::readable(home) {
        let what = format!(
            "{} cannot be read: {error}; were the database lost now, what is in there would be too",
            path.display()
        );
        return Some(Finding::problem("journal", what, "give it back to yourself (`chmod -R u+rwX`, `chown -R`)"));
    }
    let why = journal::in_the_way(home)?;
    let what = format!("the journal {}: {why}", home.journal().display());
    Some(Finding::problem("journal", what, "nothing is accepted and nothing ends until then; all goes on by itself"))
}

/// A journal that lacks what no backup has.
pub(super) async fn gap(home: &Home) -> Option<Finding> {
    if !restore::has_gap(home).await.unwrap_or(false) {
        return None;
    }
    let what = "the journal (intake.jsonl) lacks transactions that no backup has: were the database lost now, they would be too";
    Some(Finding::warning(
        "journal",
        what,
        "`agentlab backup now`; a running agentlab makes one by itself within a minute",
    ))
}

/// Rows that name what is not there.
pub(super) async fn dangling(db: &Db) -> Option<Finding> {
    match migrate::dangling(db).await {
        Ok(0) => None,
        Ok(rows) => Some(Finding::problem(
            "database",
            format!("{rows} rows name a row that is not there: something else than agentlab wrote to the file"),
            "restore a backup, or ask for help with `agentlab sql \"SELECT * FROM pragma_foreign_key_check\"`",
        )),
        Err(error) => Some(Finding::plain("database", false, error.to_string())),
    }
}

/// A log that is not moved into the database any more.
pub(super) fn wal(home: &Home) -> Option<Finding> {
    let path = home.database().with_extension("db-wal");
    let size = std::fs::metadata(&path).map(|file| file.len()).unwrap_or_default();
    (size >= LARGE).then(|| {
        Finding::warning(
            "wal",
            format!("{} has {} MiB: a reader that never ends keeps it from being emptied", path.display(), size >> 20),
            "end programs that have the file open (`lsof`), then `agentlab restart`; never delete it",
        )
    })
}
