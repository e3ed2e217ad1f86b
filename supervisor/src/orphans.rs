//! Orphans: a sweep over the runs that live, for those that no living worker follows. What is done about one is decided in
//! `domain::orphan`; here it is seen and done, and each action may be done again without harm. A run that was settled is
//! finished by any worker, as ever. The sweep of what outlived its run stands beside it, in `leftovers`.

mod act;
mod memory;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use agentlab_domain::{
    orphan::{self, Fact, Lease, Seen},
    role::{Post, Role},
};
use agentlab_platform::{
    clock,
    db::{DbError, orphans::LiveRun},
    failpoints,
    life::Life,
    lock,
    pulse::Turns,
    run_dir::RunDir,
};
use tokio::task::JoinHandle;

use crate::{alerts::Alerts, leftovers::Leftovers, release};
use act::act;
use memory::Memory;

/// Between two sweeps while every live run is followed.
const QUIET: Duration = Duration::from_secs(5);
/// Between two sweeps while one is not.
const BUSY: Duration = Duration::from_secs(1);
/// Between two sweeps for leftovers.
const LEFTOVERS: Duration = Duration::from_mins(1);
/// A sweep takes no longer than this: a locked database and processes that do not die keep it for a while.
const LIMIT: Duration = Duration::from_mins(5);
/// A dead worker's lease is let go of at once by who keeps its post; here only where nobody keeps it. That is not tried
/// sooner, since whoever takes the post's lock keeps a successor from starting.
const UNKEPT: Duration = Duration::from_secs(10);

/// The sweeps, for as long as this value is there.
#[derive(Debug)]
pub(crate) struct Sweeps(JoinHandle<()>);

impl Drop for Sweeps {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to sweep, at once.
pub(crate) fn begin(life: &Arc<Life>, alerts: Alerts) -> Sweeps {
    Sweeps(tokio::spawn(sweep_on(Arc::clone(life), alerts)))
}

async fn sweep_on(life: Arc<Life>, alerts: Alerts) {
    let turns = life.pulse.turns("orphans");
    let (mut orphans, mut leftovers, mut looked) = (Orphans::default(), Leftovers::default(), None);
    loop {
        turns.turn(clock::scaled(LIMIT));
        failpoints::freeze("orphans-sweep").await;
        let unfollowed = orphans.sweep((&life, &alerts), &turns).await;
        if looked.is_none_or(|at: Instant| at.elapsed() >= clock::scaled(LEFTOVERS)) {
            looked = Some(clock::instant());
            leftovers.sweep(&life).await;
            turns.turn(clock::scaled(LIMIT));
        }
        tokio::time::sleep(clock::scaled(if unfollowed { BUSY } else { QUIET })).await;
    }
}

/// The live runs, as far as they were seen before.
#[derive(Debug, Default)]
struct Orphans {
    runs: HashMap<String, Memory>,
    /// Posts at which nobody lives and under which leases are held, and since when.
    unkept: HashMap<Post, Instant>,
}

impl Orphans {
    /// Sweeps once; true when a live run is followed by nobody. Rows that cannot be read now are read by the next sweep.
    async fn sweep(&mut self, (life, alerts): (&Life, &Alerts), turns: &Turns) -> bool {
        let live = match self.live(life).await {
            Ok(live) => live,
            Err(error) => {
                tracing::debug!(%error, "the live runs cannot be read");
                return true;
            }
        };
        self.runs.retain(|id, _| live.iter().any(|run| run.id == *id));
        let mut unfollowed = false;
        for row in live {
            turns.turn(clock::scaled(LIMIT));
            let run = RunDir::of(&life.home, &row.id);
            let memory = self.runs.entry(row.id.clone()).or_insert_with(Memory::new);
            let seen = look(life, &row, &run, memory);
            unfollowed |= seen.lease != Lease::Living;
            for action in orphan::decide(seen) {
                act((life, alerts), (&row, &run), memory, action).await;
            }
        }
        unfollowed
    }

    /// The live runs, after what dead workers held was let go of where nobody else does.
    async fn live(&mut self, life: &Life) -> Result<Vec<LiveRun>, DbError> {
        let live = life.db.followed_and_orphaned().await?;
        let holders = live.iter().filter_map(|run| post(run.leased_by.as_deref()?));
        let dead: Vec<Post> = holders.filter(|post| matches!(is_held(life, *post), Ok(false))).collect();
        self.unkept.retain(|post, _| dead.contains(post));
        for post in dead {
            let since = *self.unkept.entry(post).or_insert_with(clock::instant);
            if since.elapsed() >= clock::scaled(UNKEPT) {
                release::release(life, post).await;
            }
        }
        Ok(live)
    }
}

/// The post of the process that a lease names.
fn post(name: &str) -> Option<Post> {
    let slot = name.strip_prefix("worker-")?.split_once('.')?.0.parse().ok()?;
    Some(Post { role: Role::Worker, slot })
}

fn is_held(life: &Life, post: Post) -> std::io::Result<bool> {
    lock::is_held(&life.home.post_lock(post))
}

/// Sees one run. Of one that is followed only the row is looked at, and how long it has been there.
fn look(life: &Life, row: &LiveRun, run: &RunDir, memory: &mut Memory) -> Seen {
    let lease = match row.leased_by.as_deref() {
        None => Lease::Nobody,
        Some(name) => match post(name).map(|post| is_held(life, post)) {
            Some(Ok(true)) => Lease::Living,
            Some(Ok(false) | Err(_)) | None => Lease::CannotTell,
        },
    };
    let unwanted = row.unwanted_by.is_some();
    let overdue = memory.overdue(run, unwanted);
    let mut seen = Seen {
        state: row.state,
        lease,
        shim: Fact::CannotTell,
        still: false,
        exit: Fact::CannotTell,
        unwanted,
        asked: Fact::CannotTell,
        overdue,
        held: row.held || memory.rests(),
        told: memory.told,
        named: memory.named || memory.rests(),
    };
    match lease {
        // Whoever holds it looks at its files, and takes locks for that: he is not disturbed.
        Lease::Living => {
            memory.told = false;
            if overdue && !seen.named {
                seen.exit = Fact::of(run.exit().map(|exit| exit.is_some()));
            }
        }
        Lease::Nobody => {
            seen.shim = Fact::of(run.lock_held());
            // After the lock: a shim that is gone wrote its end before.
            seen.exit = Fact::of(run.exit().map(|exit| exit.is_some()));
            seen.asked = Fact::of(run.stop().map(|stop| stop.is_some()));
            seen.still = run.shim().ok().flatten().is_some_and(|shim| memory.stillness.look(&shim));
        }
        Lease::CannotTell => {}
    }
    seen
}
