//! Start to ready: from starting `agentlab up` to its `ready:` line, with a bot (on the stand-in), three workers and the
//! console. *Ready* means that all six processes have said so: nothing is accepted before.
//!
//! On an *existing* home the schema is current; on an empty one everything is made first.

use std::time::Duration;

use agentlab_stand_ins::BotApi;

use crate::{
    clock,
    floor::Floor,
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::World,
};

const STARTS: usize = 10;
const FIRST_STARTS: usize = 3;
/// Between an end and the next start.
const QUIET: Duration = Duration::from_millis(200);
const AIM: Duration = Duration::from_millis(100);

pub(crate) fn measure(floor: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let api = BotApi::start();
    let mut worlds = Vec::new();
    let mut first = Vec::new();
    for _ in 0..FIRST_STARTS {
        let world = World::with_bot(&api)?;
        first.push(one(&world)?);
        worlds.push(world);
    }
    let Some(world) = worlds.pop() else { return Ok(()) };
    let again = (0..STARTS).map(|_| one(&world)).collect::<anyhow::Result<Samples>>()?;
    let first: Samples = first.into_iter().collect();
    let least = floor.spawn.p50();
    table.row(Row {
        figure: format!("start to ready, existing home (n = {})", again.count()),
        measured: format!("p50 {}, worst {}", ms(again.p50()), ms(again.worst())),
        floor: format!("{} (1 spawn)", ms(least)),
        ratio: ratio(again.p50(), least),
        aim: aim("under 100 ms", again.p50() < AIM),
    });
    table.row(Row {
        figure: format!("start to ready, empty home (n = {})", first.count()),
        measured: format!("p50 {}, worst {}", ms(first.p50()), ms(first.worst())),
        floor: format!("{} (1 spawn)", ms(least)),
        ratio: ratio(first.p50(), least),
        aim: String::new(),
    });
    Ok(())
}

fn one(world: &World) -> anyhow::Result<Duration> {
    std::thread::sleep(QUIET);
    let (took, up) = clock::timed(|| world.up());
    up?.stop()?;
    Ok(took)
}
