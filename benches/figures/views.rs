//! The page and the API over a hundred thousand ended tasks, and `/health` while others ask, tasks run, or another process has the
//! database. A *view* is one request on a connection of its own, from its opening to the last byte.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::{
    archive::{TASKS, answer, ask, fill},
    floor::Floor,
    plain,
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::{self, World},
};

/// Requests of each view, after the first.
const MANY: usize = 100;
/// Who asks all the time while `/health` is measured.
const CLIENTS: usize = 8;
const VIEW: Duration = Duration::from_millis(200);
const HEALTH: Duration = Duration::from_millis(100);

/// What people and programs look at.
const VIEWS: [&str; 12] = [
    "/",
    "/jobs",
    "/jobs?q=number+99990",
    "/jobs?q=nowhere",
    "/jobs?before=50000",
    "/jobs/77777",
    "/charts",
    "/processes",
    "/recovery",
    "/api/jobs",
    "/api/jobs?state=failed&project=p3",
    "/api/status",
];

pub(crate) fn measure(_: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let world = World::with_console()?;
    world::block_on(fill(&world))?;
    let up = world.up()?;
    let socket = world.home()?.socket("console");
    let floor = many(&socket, "/static/style.css")?.p50();
    table.row(row(
        "floor: a static file by the same road",
        None,
        &many(&socket, "/static/style.css")?,
        floor,
        String::new(),
    ));
    for path in VIEWS {
        let first = ask(&socket, "GET", path, "")?;
        let samples = many(&socket, path)?;
        let met = aim("under 200 ms", first < VIEW && samples.percentile(99) < VIEW);
        table.row(row(&format!("view {path}"), Some(first), &samples, floor, met));
    }
    let health = |figure: &str, table: &mut Table| -> anyhow::Result<()> {
        let mut healthy = 0;
        let answered = (0..MANY).map(|_| {
            let (took, head) = answer(&socket, "GET", "/health", "")?;
            healthy += usize::from(head.starts_with("HTTP/1.1 200"));
            Ok(took)
        });
        let samples: Samples = answered.collect::<anyhow::Result<_>>()?;
        let met = aim(&format!("p99 under 100 ms ({healthy} of {MANY} say 200)"), samples.percentile(99) < HEALTH);
        table.row(row(figure, None, &samples, floor, met));
        Ok(())
    };
    health("/health, nobody else asks", table)?;
    for n in 0..30 {
        ask(&socket, "POST", "/api/jobs", &format!(r#"{{"prompt": "[[tool: Bash {n}]] [[sleep: 1]] [[say: {n}]]"}}"#))?;
    }
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..CLIENTS {
            let (socket, enough): (PathBuf, _) = (socket.clone(), &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let _ = ask(&socket, "GET", VIEWS[n % VIEWS.len()], "");
                }
            });
        }
        let measured = health(&format!("/health, {CLIENTS} clients ask for views without a pause, tasks run"), table);
        enough.store(true, Ordering::Relaxed);
        measured
    })?;
    world::block_on(async {
        let mut connection = plain::open(&world.home()?.database()).await?;
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await?;
        health("/health, another process has the database locked", table)?;
        sqlx::query("ROLLBACK").execute(&mut connection).await?;
        Ok(())
    })?;
    let size = std::fs::metadata(world.home()?.database())?.len() / (1024 * 1024);
    table.note(format!(
        "views: {TASKS} ended tasks, a database of {size} MiB; ratio: p50 to the floor of the same road."
    ));
    up.stop()
}

fn many(socket: &Path, path: &str) -> anyhow::Result<Samples> {
    (0..MANY).map(|_| ask(socket, "GET", path, "")).collect()
}

fn row(figure: &str, first: Option<Duration>, samples: &Samples, floor: Duration, aim: String) -> Row {
    let first = first.map(|first| format!("first {}, ", ms(first))).unwrap_or_default();
    Row {
        figure: figure.into(),
        measured: format!("{first}p50 {}, p99 {}", ms(samples.p50()), ms(samples.percentile(99))),
        floor: ms(floor),
        ratio: ratio(samples.p50(), floor),
        aim,
    }
}
