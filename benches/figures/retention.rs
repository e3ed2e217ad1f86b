//! Retention: a hundred thousand ended tasks go while another process' connection gives tasks. A *wait* is from wanting to write to the
//! end of the commit; what one transaction of the pruner kept others waiting for is its *hold*.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use agentlab_domain::retention::{Ages, Before, Pressure, before};
use agentlab_platform::{clock::now_ms, db::Db, home::Home, retention};

use crate::{
    archive::{TASKS, fill},
    clock, enqueue,
    floor::Floor,
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::{self, World},
};

const ALONE: usize = 200;
const ARRIVAL: Duration = Duration::from_millis(20);
const HOLD: Duration = Duration::from_millis(50);

pub(crate) fn measure(floor: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let world = World::empty()?;
    world::block_on(fill(&world))?;
    let home = world.home()?;
    let size = || std::fs::metadata(home.database()).map_or(0, |file| file.len() / 1024 / 1024);
    let full = size();
    let (alone, enough) = (waits(&home, "alone", || false)?, AtomicBool::new(false));
    let began = clock::now();
    let (passed, during) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| waits(&home, "during", || !enough.load(Ordering::Relaxed)));
        let passed = world::block_on(async {
            let db = Db::open(&home).await?;
            let all = Before { jobs: now_ms() - 1, ..before(Ages::default(), Pressure::Enough, now_ms()) };
            Ok(retention::pass(&db, all, Pressure::Enough).await?)
        });
        enough.store(true, Ordering::Relaxed);
        (passed, writer.join())
    });
    let (passed, took) = (passed?, clock::now().saturating_sub(began));
    let during = during.map_err(|_| anyhow::anyhow!("the writer broke"))??;
    let hold = Duration::from_millis(passed.longest_ms);
    let of = |figure: &str, samples: &Samples| Row {
        figure: figure.into(),
        measured: format!(
            "p50 {}, p99 {}, worst {}",
            ms(samples.p50()),
            ms(samples.percentile(99)),
            ms(samples.worst())
        ),
        floor: ms(floor.commit.p50()),
        ratio: ratio(samples.p50(), floor.commit.p50()),
        ..Row::default()
    };
    table.row(of("durable enqueue beside 100,000 ended tasks", &alone));
    table.row(of(&format!("  the same while {} of them go", passed.tasks), &during));
    table.row(Row {
        figure: "longest hold of the pruner".into(),
        measured: ms(hold),
        floor: ms(floor.commit.p50()),
        ratio: ratio(hold, floor.commit.p50()),
        aim: aim("under 50 ms", hold < HOLD),
    });
    table.note(format!(
        "retention: {TASKS} ended tasks, {} of them and {} other rows went in {} transactions and {:.1} s; the file: {full} MiB \
         before, {} MiB after.",
        passed.tasks,
        passed.rows,
        passed.transactions,
        took.as_secs_f64(),
        size()
    ));
    Ok(())
}

/// The waits of somebody who gives a task now and then: so many at least, and on while `more`.
fn waits(home: &Home, name: &str, more: impl Fn() -> bool) -> anyhow::Result<Samples> {
    world::block_on(async {
        let (db, mut waits) = (Db::open(home).await?, Vec::new());
        while waits.len() < ALONE || more() {
            let job = enqueue::job(home, &format!("{name}-{}", waits.len()));
            let asked = clock::now();
            db.enqueue(&job).await?;
            waits.push(clock::now().saturating_sub(asked));
            tokio::time::sleep(ARRIVAL).await;
        }
        Ok(waits.into_iter().collect())
    })
}
