//! Durable enqueue, alone and while three other processes write without a pause. A *wait* is the whole call: from asking
//! to having it committed. Beside it the same contention without our ticket, where the database's `busy_timeout` alone
//! decides who is next.

use std::{path::PathBuf, time::Duration};

use agentlab_domain::isolation::Isolation;
use agentlab_platform::{
    config,
    db::{
        Db, Durability,
        enqueue::{NewJob, Source},
    },
    home::Home,
};
use anyhow::Context;

use crate::{
    clock,
    floor::Floor,
    plain::{self, PAUSE},
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::{self, World},
};

const WRITERS: usize = 3;
/// Jobs accepted one by one while nobody else writes.
const ALONE: usize = 200;
/// How long the contention lasts, and the pause between two arrivals in it.
const CONTENTION: Duration = Duration::from_secs(10);
const ARRIVAL: Duration = Duration::from_millis(2);
const AIM: Duration = Duration::from_millis(250);
/// The variable that names the home of a writer.
pub(crate) const HOME: &str = "FIGURES_HOME";

pub(crate) fn measure(floor: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let world = World::empty()?;
    let (alone, fair) = world::block_on(ours(&world))?;
    let plain = world::block_on(without_ticket(&world))?;
    let row = |figure: &str, samples: &Samples, floor: Duration, aim: String| Row {
        figure: format!("{figure} (n = {})", samples.count()),
        measured: format!("p50 {}, p95 {}, worst {}", ms(samples.p50()), ms(samples.p95()), ms(samples.worst())),
        floor: format!("{} (1 commit)", ms(floor)),
        ratio: ratio(samples.p50(), floor),
        aim,
    };
    table.row(row("durable enqueue, nobody else writes", &alone, floor.paused_commit.p50(), String::new()));
    let met = aim("worst under 250 ms", fair.worst() < AIM);
    table.row(row("durable enqueue, three others write", &fair, floor.commit.p50(), met));
    table.row(row("  the same with busy_timeout alone", &plain, floor.commit.p50(), "(for comparison)".into()));
    Ok(())
}

/// Waits of our own enqueue: alone, and against writers that take our ticket.
async fn ours(world: &World) -> anyhow::Result<(Samples, Samples)> {
    let home = world.home()?;
    let db = Db::open(&home).await?;
    let mut write = db.begin(Durability::Full).await?;
    sqlx::query("CREATE TABLE figures (id INTEGER PRIMARY KEY, text TEXT NOT NULL)").execute(&mut *write).await?;
    write.commit().await?;
    let mut alone = Vec::new();
    for number in 0..ALONE {
        tokio::time::sleep(PAUSE).await;
        alone.push(enqueue(&db, &home, &format!("alone-{number}")).await?);
    }
    let environment = [(HOME, home.path().to_path_buf())];
    let writers: Vec<_> = (0..WRITERS).map(|_| world.part("writer", &environment)).collect::<anyhow::Result<_>>()?;
    let mut waits = Vec::new();
    let began = clock::now();
    while clock::now().saturating_sub(began) < CONTENTION {
        waits.push(enqueue(&db, &home, &format!("contended-{}", waits.len())).await?);
        tokio::time::sleep(ARRIVAL).await;
    }
    drop(writers);
    Ok((alone.into_iter().collect(), waits.into_iter().collect()))
}

/// Waits of a small write against writers that know no ticket, on a database of their own.
async fn without_ticket(world: &World) -> anyhow::Result<Samples> {
    let path: PathBuf = world.path("plain.db");
    let mut connection = plain::open(&path).await?;
    let environment = [(plain::DATABASE, path)];
    let writers: Vec<_> =
        (0..WRITERS).map(|_| world.part("plain-writer", &environment)).collect::<anyhow::Result<_>>()?;
    let mut waits = Vec::new();
    let began = clock::now();
    while clock::now().saturating_sub(began) < CONTENTION {
        let asked = clock::now();
        plain::write(&mut connection).await?;
        waits.push(clock::now().saturating_sub(asked));
        tokio::time::sleep(ARRIVAL).await;
    }
    drop(writers);
    Ok(waits.into_iter().collect())
}

async fn enqueue(db: &Db, home: &Home, request: &str) -> anyhow::Result<Duration> {
    let job = job(home, request);
    let asked = clock::now();
    db.enqueue(&job).await?;
    Ok(clock::now().saturating_sub(asked))
}

/// A job that no other keeps waiting: its lane and its directory are its own.
pub(crate) fn job(home: &Home, request: &str) -> NewJob {
    NewJob {
        resumes: None,
        source: Source::Terminal { request_id: request.to_owned() },
        place: config::Place { project: "figures".into(), path: home.workspace(), isolation: Isolation::None },
        prompt: "a task of no importance".into(),
    }
}

/// The part of a process that writes by our rules without end, until its parent ends it.
pub(crate) fn writer() -> anyhow::Result<()> {
    let home = Home::at(std::env::var_os(HOME).context("no home to write in")?.into())?;
    world::end_with_parent();
    world::block_on(async {
        let db = Db::open(&home).await?;
        let mut said = false;
        loop {
            let mut write = db.begin(Durability::Full).await?;
            plain::insert(&mut write).await?;
            write.commit().await?;
            if !said {
                said = true;
                world::say_that_it_began();
            }
        }
    })
}
