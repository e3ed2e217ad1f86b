//! Pick-up on an idle queue: from the return of a durable enqueue to the first statement of the handler, in another
//! process that waits as a worker does (a ping, or a second). A *pick-up* ends with the claim committed, so one FULL
//! commit lies inside it.
//!
//! The worker here is this program in another part, with the product's own queue; its handler reports and finishes.

use std::{sync::Arc, time::Duration};

use agentlab_domain::{
    circuit::Calls,
    outcome::{End, Exit, Outcome},
    retry::Next,
};
use agentlab_platform::{
    db::{Db, claim::Claim, finish::Finish},
    home::Home,
    life::Stop,
    ping::{self, Ear},
    pulse::Turns,
    queue,
};
use anyhow::Context;

use crate::{
    clock, enqueue,
    floor::Floor,
    plain::PAUSE,
    report::{self, Reporter, Reports},
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::{self, World},
};

const JOBS: usize = 200;
const WARM_UP: usize = 10;
/// The worker registers this name; after its end the claims that are timed alone are made under it.
const WORKER: &str = "worker-1.figures";
/// What a pick-up may take beside its commit.
const AIM: Duration = Duration::from_micros(500);

pub(crate) fn measure(floor: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let world = World::empty()?;
    let (pickup, claim) = world::block_on(both(&world))?;
    let commit = floor.paused_commit.p50();
    table.row(Row {
        figure: format!("pick-up on an idle queue (n = {})", pickup.count()),
        measured: format!("p50 {}, p95 {}, worst {}", ms(pickup.p50()), ms(pickup.p95()), ms(pickup.worst())),
        floor: format!("{} (1 commit)", ms(commit)),
        ratio: ratio(pickup.p50(), commit),
        aim: aim("p50 at most commit + 0.5 ms", pickup.p50() <= commit + AIM),
    });
    table.row(Row {
        figure: "  of which the claim (look, ticket, commit)".into(),
        measured: format!("p50 {}, p95 {}", ms(claim.p50()), ms(claim.p95())),
        floor: format!("{} (1 commit)", ms(commit)),
        ratio: ratio(claim.p50(), commit),
        aim: format!("a bare commit is {:.0} % of the pick-up", 100.0 * commit.div_duration_f64(pickup.p50())),
    });
    Ok(())
}

async fn both(world: &World) -> anyhow::Result<(Samples, Samples)> {
    let home = world.home()?;
    let db = Db::open(&home).await?;
    let place = world.path("report");
    let reports = Reports::at(&place)?;
    let environment = [(enqueue::HOME, home.path().to_path_buf()), (report::VARIABLE, place)];
    let worker = world.part("worker", &environment)?;
    let mut pickups = Vec::new();
    for number in 0..WARM_UP + JOBS {
        tokio::time::sleep(PAUSE).await;
        db.enqueue(&enqueue::job(&home, &format!("pickup-{number}"))).await?;
        let committed = clock::now();
        ping::ping_workers(&home);
        let picked_up = reports.next()?;
        if number >= WARM_UP {
            pickups.push(picked_up.saturating_sub(committed));
        }
    }
    drop(worker);
    let mut claims = Vec::new();
    for number in 0..JOBS {
        db.enqueue(&enqueue::job(&home, &format!("claim-{number}"))).await?;
        tokio::time::sleep(PAUSE).await;
        let asked = clock::now();
        let claim = db.claim(WORKER).await?.context("the job was not there to be claimed")?;
        claims.push(clock::now().saturating_sub(asked));
        finish(&db, &claim).await?;
    }
    Ok((pickups.into_iter().collect(), claims.into_iter().collect()))
}

async fn finish(db: &Db, claim: &Claim) -> anyhow::Result<()> {
    let exit = Exit { end: End::Exited, code: Some(0), signal: None, out_of_memory: false };
    let finish = Finish {
        uses_attempt: true,
        began: None,
        exit: &exit,
        outcome: &Outcome::Succeeded,
        next: Next::Done,
        result: None,
        answer: "",
        messages: &[],
        notice: None,
        calls: Calls::default(),
        called_at: 0,
    };
    db.finish(claim, &finish).await?;
    Ok(())
}

/// The part of the worker, until its parent ends it.
pub(crate) fn worker() -> anyhow::Result<()> {
    let home = Home::at(std::env::var_os(enqueue::HOME).context("no home to work in")?.into())?;
    let reporter = Arc::new(Reporter::of_environment()?);
    world::end_with_parent();
    world::block_on(async {
        let db = Db::open(&home).await?;
        let ear = Ear::open(&home.socket("worker-1"))?;
        let stop = Stop::listen()?;
        world::say_that_it_began();
        let own = db.clone();
        let handle = move |claim: Claim| {
            let called = clock::now();
            let (db, reporter) = (own.clone(), reporter.clone());
            async move {
                let told = reporter.tell(called);
                if let Err(error) = told.and(finish(&db, &claim).await) {
                    eprintln!("figures: the handler: {error:#}");
                }
            }
        };
        queue::work(&db, WORKER, (ear, Turns::default()), stop, handle).await.map_err(|error| anyhow::anyhow!(error))
    })
}
