//! Bringing the schema up to date: apalis' migrations and ours, in one table, each ignoring the other's. Ours only ever
//! expand, so the previous release still runs on the new schema. What is made before a schema changes is in `upgrade.rs`.

use sqlx::migrate::Migrator;

use super::{Db, DbError, gone, upgrade};
use crate::{home::Home, lock::Lock, queue};

/// Our migrations.
pub fn ours() -> Migrator {
    let mut ours = sqlx::migrate!("../migrations");
    ours.set_ignore_missing(true);
    ours
}

/// What a database has of our migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schema {
    /// None: a file that is empty or half made.
    None,
    /// Not all; this is the newest that there is.
    Behind(i64),
    Current,
}

/// Runs what is missing. One process at a time; the others find nothing to do.
pub(super) async fn run(db: &Db) -> Result<(), DbError> {
    if schema(db).await? == Schema::Current {
        return Ok(());
    }
    let path = db.home.lock("migrate");
    let waiting = path.clone();
    let _turn = tokio::task::spawn_blocking(move || Lock::wait(&waiting))
        .await
        .map_err(|error| DbError::File { path: path.clone(), error: std::io::Error::other(error) })?
        .map_err(|error| DbError::File { path, error })?;
    let _still = match schema(db).await? {
        Schema::Current => return Ok(()),
        // Whoever begins anew over what has worked hides what can be restored.
        Schema::None if gone::has_worked(&db.home) => return Err(DbError::Damaged("it has no tables".into())),
        // Nothing is in it that could be lost.
        Schema::None => None,
        Schema::Behind(newest) => Some(upgrade::prepare(db, newest).await?),
    };
    queue::migrations().run(&db.full).await?;
    ours().run(&db.full).await?;
    Ok(())
}

/// What the database has; refuses one that is too new for this release.
async fn schema(db: &Db) -> Result<Schema, DbError> {
    // Tolerates a file that is empty or half made: then everything is missing.
    let known: Vec<i64> =
        match sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success = 1").fetch_all(db.read()).await {
            Ok(known) => known,
            Err(sqlx::Error::Database(error)) if error.message().contains("no such table") => return Ok(Schema::None),
            Err(error) => return Err(error.into()),
        };
    let minimum: Option<String> = match sqlx::query_scalar("SELECT value FROM meta WHERE key = 'schema_min_release'")
        .fetch_optional(db.read())
        .await
    {
        Ok(minimum) => minimum,
        Err(sqlx::Error::Database(error)) if error.message().contains("no such table") => return Ok(Schema::None),
        Err(error) => return Err(error.into()),
    };
    let own = env!("CARGO_PKG_VERSION");
    if !agentlab_domain::schema::may_open(own, minimum.as_deref()) {
        return Err(DbError::Newer { needed: minimum.unwrap_or_default(), own });
    }
    let ours = ours();
    let newest = ours.iter().map(|migration| migration.version).max().unwrap_or_default();
    let all = ours.iter().all(|migration| known.contains(&migration.version));
    Ok(if all { Schema::Current } else { Schema::Behind(newest) })
}

/// Whether this release knows the database of this home as it is; nothing is changed. Where there is none, it does.
pub async fn fits(home: &Home) -> Result<(), DbError> {
    if !home.database().exists() {
        return Ok(());
    }
    let db = Db::as_it_is(home)?;
    if schema(&db).await? == Schema::Current {
        // Nothing would be checked at the start.
        return Ok(());
    }
    let applied: Vec<(i64, Vec<u8>)> =
        match sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations").fetch_all(db.read()).await {
            Ok(applied) => applied,
            Err(sqlx::Error::Database(error)) if error.message().contains("no such table") => return Ok(()),
            Err(error) => return Err(error.into()),
        };
    let ours = ours();
    let theirs = queue::migrations();
    let known = ours.iter().chain(theirs.iter());
    let changed = known.filter(|known| {
        applied.iter().any(|(version, checksum)| *version == known.version && **checksum != *known.checksum)
    });
    match changed.map(|known| known.version).next() {
        Some(version) => Err(sqlx::migrate::MigrateError::VersionMismatch(version).into()),
        None => Ok(()),
    }
}

/// Whether a database at `home` could be opened by this release, without changing it. For `doctor`.
pub async fn check(db: &Db) -> Result<(), DbError> {
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(db.read()).await?;
    if verdict == "ok" { Ok(()) } else { Err(DbError::Damaged(format!("quick_check says: {verdict}"))) }
}

/// Rows that name a row which is not there.
pub async fn dangling(db: &Db) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM pragma_foreign_key_check").fetch_one(db.read()).await?)
}
