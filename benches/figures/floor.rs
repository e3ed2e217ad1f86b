//! The floor: what this machine takes for one durable commit and for one process. A *bare commit* is `BEGIN IMMEDIATE`,
//! one small row and `COMMIT` with synchronous FULL through sqlx, on a database of its own that nobody else uses.
//!
//! It is measured twice: back to back, and with a pause before each. A machine that was just idle is slower, and what
//! this product does mostly begins on an idle machine.

use std::{process::Stdio, time::Duration};

use sqlx::{Connection, SqliteConnection};

use crate::{
    clock,
    plain::{self, PAUSE},
    samples::{Samples, ms},
    table::{Row, Table},
    world,
};

/// Commits back to back, and with a pause before each.
const COMMITS: usize = 1000;
const PAUSED_COMMITS: usize = 100;
const SPAWNS: usize = 100;

/// What the machine takes.
#[derive(Debug)]
pub(crate) struct Floor {
    /// Bare commits back to back.
    pub(crate) commit: Samples,
    /// Bare commits, each after a pause.
    pub(crate) paused_commit: Samples,
    /// Spawning `/bin/true` and waiting for its end, each after a pause.
    pub(crate) spawn: Samples,
}

impl Floor {
    pub(crate) fn measure() -> anyhow::Result<Self> {
        let (commit, paused_commit) = world::block_on(commits())?;
        let spawn = (0..SPAWNS).map(|_| {
            std::thread::sleep(PAUSE);
            let (took, ended) = clock::timed(|| {
                std::process::Command::new("/bin/true").stdin(Stdio::null()).spawn().and_then(|mut child| child.wait())
            });
            ended.map(|_| took)
        });
        Ok(Self { commit, paused_commit, spawn: spawn.collect::<std::io::Result<_>>()? })
    }

    pub(crate) fn write(&self, table: &mut Table) {
        let rows = [
            ("floor: FULL commit, back to back", &self.commit),
            ("floor: FULL commit, idle machine", &self.paused_commit),
            ("floor: spawn + wait of /bin/true", &self.spawn),
        ];
        for (figure, samples) in rows {
            table.row(Row {
                figure: figure.into(),
                measured: format!("p50 {}, p95 {}", ms(samples.p50()), ms(samples.p95())),
                ..Row::default()
            });
        }
    }
}

async fn commits() -> anyhow::Result<(Samples, Samples)> {
    let folder = world::folder()?;
    let mut connection = plain::open(&folder.path().join("bare.db")).await?;
    for _ in 0..COMMITS / 10 {
        commit(&mut connection).await?;
    }
    let mut dense = Vec::new();
    for _ in 0..COMMITS {
        dense.push(commit(&mut connection).await?);
    }
    let mut paused = Vec::new();
    for _ in 0..PAUSED_COMMITS {
        tokio::time::sleep(PAUSE).await;
        paused.push(commit(&mut connection).await?);
    }
    connection.close().await?;
    Ok((dense.into_iter().collect(), paused.into_iter().collect()))
}

async fn commit(connection: &mut SqliteConnection) -> anyhow::Result<Duration> {
    let began = clock::now();
    plain::write(connection).await?;
    Ok(clock::now().saturating_sub(began))
}
