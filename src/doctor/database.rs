//! The database beyond "it can be read": rows that point nowhere, and a log that grows.

use agentlab_platform::{
    db::{Db, migrate},
    home::Home,
};

use super::finding::Finding;

/// From so many bytes on the log is large: it is moved into the database every few thousand pages, unless somebody keeps it.
const LARGE: u64 = 64 * 1024 * 1024;

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
