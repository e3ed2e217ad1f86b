//! Writing through sqlx as anybody would: `BEGIN IMMEDIATE`, synchronous FULL, and the database's own `busy_timeout` where
//! another process writes. *Plain* means: without our ticket. It is what ours is compared with.

use std::{path::Path, time::Duration};

use anyhow::Context;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::world;

/// Between two measurements that each are to find an idle machine.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// The variable that names the database of a writer.
pub(crate) const DATABASE: &str = "FIGURES_DATABASE";

/// A connection with the pragmas that ours have, and a table to write into.
pub(crate) async fn open(path: &Path) -> anyhow::Result<SqliteConnection> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // Longer than any wait that was ever seen: a wait is to be measured, not given up.
        .busy_timeout(Duration::from_mins(1))
        .connect()
        .await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS figures (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// One small durable write.
pub(crate) async fn write(connection: &mut SqliteConnection) -> anyhow::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    insert(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// The small row of it.
pub(crate) async fn insert(connection: &mut SqliteConnection) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO figures (text) VALUES (?1)")
        .bind("a small row of no importance")
        .execute(connection)
        .await?;
    Ok(())
}

/// The part of a process that writes without end, until its parent ends it.
pub(crate) fn writer() -> anyhow::Result<()> {
    let path = std::env::var_os(DATABASE).context("no database to write to")?;
    world::end_with_parent();
    world::block_on(async {
        let mut connection = open(Path::new(&path)).await?;
        write(&mut connection).await?;
        world::say_that_it_began();
        loop {
            write(&mut connection).await?;
        }
    })
}
