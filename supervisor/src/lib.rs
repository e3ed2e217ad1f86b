//! The supervisor: starts the other processes and starts again what dies. A *post* (role and slot) is filled when the
//! process there holds its lock, whoever started it: so a supervisor that was itself killed finds its daemons again and
//! never starts a second copy beside a living one.

pub mod alerts;
mod alone;
mod backups;
mod boot;
mod control;
mod crashes;
pub mod diagnosis;
mod errand;
mod execute;
mod going_back;
mod holders;
mod interventions;
mod journal;
mod keeper;
mod leftovers;
mod look;
mod news;
mod orphans;
mod post;
mod probe;
mod recoveries;
mod release;
mod restored;
mod retention;
mod revert;
mod rules;
mod rung;
pub mod standby;
mod start;
mod stop;
mod switch;
mod trials;
mod units;
mod uptime;
mod vigil;
mod wall;

use std::time::{Duration, Instant};

use agentlab_domain::exit_code;
use agentlab_domain::role::{Post, Role, posts};
use agentlab_platform::{
    agent::Agent,
    children, clock,
    home::Home,
    kept,
    life::{self, Life, Refusal},
    lock,
    ping::Ear,
    restore,
    services::Manager,
    spawn,
};

pub use alone::{end_hung, recover_alone};
use backups::Backups;
use interventions::Interventions;
use keeper::{How, Keeper};
pub use news::News;
use retention::Retention;
use rules::Rules;
pub use start::wait_for_recovery;
use start::{Begun, begin, settle, take_up_lock, telling};
use trials::Trials;
use uptime::Uptime;
use wall::Wall;

/// Between two looks at what people asked for, when nobody pings.
const ASKED: Duration = Duration::from_secs(5);

/// What kind of system this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In the foreground: everything, until Ctrl-C; with `drain` until the running tasks have ended after it.
    Up { drain: bool },
    /// The same as a service, until it is asked to stop; where a service manager keeps it, that starts the others too.
    Service,
    /// For `ask`: workers only; ends when nothing is left to do.
    Private,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The daemons have stopped.
    Stopped,
    /// The daemons are there, and another supervisor is to be in the place of this one.
    Replaced,
}

/// Runs the system until it is asked to stop (or, when private, until nothing is left to do).
pub async fn serve(mode: Mode, tell: impl Fn(News)) -> Result<Ended, Refusal> {
    let home = Home::open()?;
    let ended = keep(&home, mode, tell).await;
    // Stopped before it was ready, over daemons that an earlier supervisor left to it: nobody else would stop them.
    if mode != Mode::Private
        && kept::by().is_none()
        && ended.as_ref().is_err_and(|refusal| refusal.code == exit_code::DONE)
    {
        alone::stop_all(&home).await;
    }
    if mode != Mode::Private {
        boot::ended(&home, &ended);
    }
    ended
}

async fn keep(home: &Home, mode: Mode, tell: impl Fn(News)) -> Result<Ended, Refusal> {
    let _up = match mode {
        Mode::Up { .. } | Mode::Service => Some(take_up_lock(home)?),
        Mode::Private => None,
    };
    if mode != Mode::Private && boot::begin(home) {
        return Ok(Ended::Replaced);
    }
    let begun = match Box::pin(begin(mode, &tell)).await {
        Ok(begun) => begun,
        Err(refusal) => return early(refusal),
    };
    let db = begun.0.db.clone();
    match Box::pin(run(home, mode, tell, begun)).await {
        // As whoever runs does: it starts again, and the database is restored by whoever opens it first.
        Err(refusal) if refusal.code != exit_code::DONE && restore::must_let_go(&db).await => {
            tracing::error!(%refusal, "the database is not to be gone on with: I start again");
            Ok(Ended::Replaced)
        }
        ended => ended,
    }
}

/// An end before it was ready; for one that was asked to start again it is none.
fn early(refusal: Refusal) -> Result<Ended, Refusal> {
    if refusal.code == exit_code::RESTART { Ok(Ended::Replaced) } else { Err(refusal) }
}

/// From the entry to the end.
async fn run(home: &Home, mode: Mode, tell: impl Fn(News), begun: Begun) -> Result<Ended, Refusal> {
    let (life, holders, rules, mut locked) = begun;
    // What still runs beside us when we become another program does not keep this from being said.
    let _ending = life.pulse.ending();
    let life = std::sync::Arc::new(life);
    let agent = Agent::find(&life.config)?;
    let ear = Ear::of(&life)?;
    let full = mode != Mode::Private;
    let with_bot = full && life.config.telegram.token.is_some();
    let mut workers = control::workers(&life, life.config.workers.count).await;
    let wanted = posts(workers, full, with_bot);
    life::locks_are_files(&life.home, &wanted)?;
    wanted_now(rules.as_ref(), workers);
    let drain = mode == Mode::Up { drain: true };
    let manager = if mode == Mode::Service { Manager::of_us(&life.home) } else { None };
    let is_kept = manager.is_some();
    let mut keeper = Keeper::new(&life, &holders, wanted, How { drain, manager });
    let mut interventions = Interventions::default();
    let mut trials = Trials::new();
    tell_of_before(home, &keeper.alerts);
    let mut stop = life.stop();
    tokio::select! {
        settled = telling(&mut locked, &tell, settle(&life, workers)) => settled?,
        () = stop.asked(1) => {
            let message = "the supervisor was stopped before it was ready".to_owned();
            return early(Refusal { code: life.code(), message });
        }
    }
    // What a private system does is in the next backup of one that stays.
    let _beside = full.then(|| (beside(&life), journal::Watch::begin(home, &keeper.alerts)));
    let (_sweeps, uptime) = (orphans::begin(&life, holders.alerts()), Uptime::begin(&life, full));
    children::collect_left();
    let mut looked = None;
    loop {
        // A service manager that ends us may be ending the others too: they are not started against it.
        if is_kept && stop.is_asked_to_finish() {
            break;
        }
        // Who asks for something says so with a ping: the database is not asked at every look and at every death.
        let asks = interventions.are_open() || looked.is_none_or(|at: Instant| at.elapsed() >= clock::scaled(ASKED));
        if asks {
            looked = Some(clock::instant());
            let wanted = control::workers(&life, workers).await;
            if wanted != workers {
                tracing::warn!(wanted, "so many workers from now on");
                workers = wanted;
                keeper.want(posts(workers, full, with_bot));
                wanted_now(rules.as_ref(), workers);
            }
        }
        let mut passed = keeper.pass().await;
        uptime.saw(&passed);
        if full && trials.look(&keeper, &passed) {
            return Ok(Ended::Replaced);
        }
        // On trial nobody is there who started it and reads why.
        let ends = |_: &Refusal| !keeper.announced && !is_kept && !boot::is_on_trial(home);
        // Who refuses for a database that is to be restored is started again after that, with us.
        if let Some(refusal) = passed.refused.take().filter(ends)
            && !restore::must_let_go(&life.db).await
        {
            stop::all(&mut keeper, spawn::Wish::End).await;
            return Err(refusal);
        }
        news::of_pass(&mut passed, &tell);
        if passed.all_ready && !keeper.announced {
            keeper.announced = true;
            boot::ready(home);
            let console_port = full.then_some(life.config.console.port);
            tell(News::Ready { bot: with_bot, console_port, workers, rehearsal: agent.is_rehearsal() });
        }
        if mode == Mode::Private && is_over(&life, keeper.announced).await? {
            stop::all(&mut keeper, spawn::Wish::End).await;
            return Ok(Ended::Stopped);
        }
        if passed.fallen.iter().any(|fallen| fallen.post.slot > workers) {
            control::forget(&life, workers).await;
        }
        if asks && interventions.look(&mut keeper, &passed.fallen).await {
            return Ok(Ended::Replaced);
        }
        tokio::select! {
            () = ear.heard() => looked = None,
            () = keeper.change() => {}
            () = interventions.soon() => {}
            Some(news) = locked.recv() => tell(news),
            () = stop.asked(1) => break,
        }
    }
    keeper.rest();
    uptime.end().await;
    // Whoever ends now ends on purpose.
    drop(rules);
    if life.code() == exit_code::RESTART {
        return Ok(Ended::Replaced);
    }
    // They are the manager's, and go on without us.
    if is_kept {
        return Ok(Ended::Stopped);
    }
    stop::end(&mut keeper, &mut stop, mode, &tell).await?;
    Ok(Ended::Stopped)
}

/// What is done now and then beside everything else, for as long as these values are.
fn beside(life: &Life) -> (Backups, Retention, Wall) {
    let (db, config) = (&life.db, &life.config);
    (Backups::begin(db, &config.backup), Retention::begin(db, config), Wall::begin(db))
}

/// What was done while nobody could tell it.
fn tell_of_before(home: &Home, alerts: &alerts::Alerts) {
    going_back::tell(home, alerts);
    restored::tell(home, alerts);
}

/// The rules of alerts know how many workers there should be.
fn wanted_now(rules: Option<&Rules>, workers: u32) {
    if let Some(rules) = rules {
        rules.want(workers);
    }
}

/// Whether a private system ends: `up` wants its place, or no `ask` waits and nothing is left to run.
async fn is_over(life: &Life, announced: bool) -> Result<bool, Refusal> {
    let held = |name: &str| lock::is_held(&life.home.lock(name)).unwrap_or(true);
    if held("up") {
        return Ok(true);
    }
    if !announced || held("ask") {
        return Ok(false);
    }
    let status = life.db.status().await?;
    // What is held or paused waits for a time that a private system does not wait for.
    let near = if status.held.is_some() || status.paused.is_some() {
        0
    } else {
        status.queued + status.retrying + status.parked_by_outage
    };
    Ok(near + status.running == 0)
}

/// Whether a system runs in this home.
pub fn is_running(home: &Home) -> bool {
    lock::is_held(&home.post_lock(Post { role: Role::Supervisor, slot: 0 })).unwrap_or(true)
}

/// The post of the supervisor, for its last words.
pub fn last_words(home: &Home) -> Option<String> {
    spawn::last_words(home, Post { role: Role::Supervisor, slot: 0 })
}
