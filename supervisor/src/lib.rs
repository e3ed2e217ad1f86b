//! The supervisor: starts the other processes and starts again what dies. A *post* (role and slot) is filled when the
//! process there holds its lock, whoever started it: so a supervisor that was itself killed finds its daemons again and
//! never starts a second copy beside a living one.

pub mod alerts;
mod alone;
mod control;
mod crashes;
pub mod diagnosis;
mod execute;
mod holders;
mod interventions;
mod keeper;
mod leftovers;
mod look;
mod orphans;
mod post;
mod probe;
mod recoveries;
mod release;
mod rung;
mod stop;
mod vigil;

use std::time::{Duration, Instant};

use agentlab_domain::{
    exit_code,
    ladder::Fall,
    role::{Post, Role, posts},
};
use agentlab_platform::{
    agent::Agent,
    children, clock,
    home::Home,
    life::{self, Life, Refusal, Taken},
    lock::{self, Lock, Mode as LockMode},
    ping::Ear,
    spawn,
};
use tokio::sync::mpsc::UnboundedReceiver;

pub use alone::{end_hung, recover_alone};
use holders::Holders;
use interventions::Interventions;
use keeper::Keeper;
use post::Fallen;

/// How long a private system may take to make room for `up`.
const HANDOVER: Duration = Duration::from_secs(15);

/// Between two looks at what people asked for, when nobody pings.
const ASKED: Duration = Duration::from_secs(5);

/// What kind of system this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In the foreground: everything, until Ctrl-C; with `drain` until the running tasks have ended after it.
    Up { drain: bool },
    /// For `ask`: workers only; ends when nothing is left to do.
    Private,
}

/// What the person in front of the terminal is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Everything is ready.
    Ready { bot: bool, console_port: Option<u16>, workers: u32, rehearsal: bool },
    /// A process died and is started again.
    Died { post: Post, words: Option<String> },
    /// Somebody keeps the database locked, or something was done about it.
    Locked { words: String },
    /// A component does not start; what is known of it is in a file.
    Diagnosed { post: Post, words: String },
    /// Workers finish what they run.
    Draining,
    /// The daemons stop; so many runs go on.
    Stopping,
    /// The daemons have stopped; so many runs live on.
    LeftRunning { runs: usize },
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
    let _up = match mode {
        Mode::Up { .. } => Some(take_up_lock(&home)?),
        Mode::Private => None,
    };
    let (life, holders, mut locked) = begin(mode, &tell).await?;
    let life = std::sync::Arc::new(life);
    let agent = Agent::find(&life.config)?;
    let ear = Ear::of(&life)?;
    let full = mode != Mode::Private;
    let with_bot = full && life.config.telegram.token.is_some();
    let mut workers = control::workers(&life, life.config.workers.count).await;
    let wanted = posts(workers, full, with_bot);
    life::locks_are_files(&life.home, &wanted)?;
    let drain = mode == Mode::Up { drain: true };
    let mut keeper = Keeper::new(&life, &holders, wanted, drain);
    let mut interventions = Interventions::default();
    let mut stop = life.stop();
    tokio::select! {
        settled = telling(&mut locked, &tell, settle(&life, workers)) => settled?,
        () = stop.asked(1) => {
            let message = "the supervisor was stopped before it was ready".to_owned();
            return Err(Refusal { code: life.code(), message });
        }
    }
    let _sweeps = orphans::begin(&life);
    children::collect_left();
    let mut looked = None;
    loop {
        // Who asks for something says so with a ping: the database is not asked at every look and at every death.
        let asks = interventions.are_open() || looked.is_none_or(|at: Instant| at.elapsed() >= clock::scaled(ASKED));
        if asks {
            looked = Some(clock::instant());
            let wanted = control::workers(&life, workers).await;
            if wanted != workers {
                tracing::warn!(wanted, "so many workers from now on");
                workers = wanted;
                keeper.want(posts(workers, full, with_bot));
            }
        }
        let passed = keeper.pass().await;
        if let Some(refusal) = passed.refused.filter(|_| !keeper.announced) {
            stop::all(&mut keeper, spawn::Wish::End).await;
            return Err(refusal);
        }
        for fallen in &passed.fallen {
            tell_of(fallen, &tell);
        }
        for (post, words) in passed.diagnosed {
            tell(News::Diagnosed { post, words });
        }
        for (post, words) in passed.not_started {
            tracing::error!(%post, words);
            tell(News::Died { post, words: Some(words) });
        }
        if passed.all_ready && !keeper.announced {
            keeper.announced = true;
            tell(News::Ready {
                bot: with_bot,
                console_port: full.then_some(life.config.console.port),
                workers,
                rehearsal: agent.is_rehearsal(),
            });
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
    if life.code() == exit_code::RESTART {
        return Ok(Ended::Replaced);
    }
    if drain {
        tell(News::Draining);
        stop::drain(&mut keeper, &mut stop).await;
    }
    tell(News::Stopping);
    stop::all(&mut keeper, spawn::Wish::End).await;
    if full {
        stop::runs(&life, &mut stop, if drain { 3 } else { 2 }, &tell).await?;
    }
    Ok(Ended::Stopped)
}

/// Says who ended, where nobody asked for it.
fn tell_of(fallen: &Fallen, tell: &impl Fn(News)) {
    let (post, words) = (fallen.post, fallen.how());
    match fallen.fall {
        Fall::Asked => tracing::info!(%post, "ended as it was asked to"),
        Fall::Refused => {
            let words = format!("refuses to start ({}); I try it again every minute", words.unwrap_or_default());
            tracing::error!(%post, words);
            tell(News::Diagnosed { post, words });
        }
        Fall::Taken { .. } | Fall::Failed { .. } | Fall::NeverReady => {
            tracing::warn!(%post, words = words.as_deref(), status = ?fallen.status, "ended; it is started again");
            tell(News::Died { post, words });
        }
    }
}

fn take_up_lock(home: &Home) -> Result<Lock, Refusal> {
    let path = home.lock("up");
    let failed = |error| Refusal::unavailable(format!("{}: {error}", path.display()));
    Lock::take(&path, LockMode::Exclusive).map_err(failed)?.ok_or_else(|| Refusal {
        code: exit_code::ALREADY_RUNNING,
        message: format!("`agentlab up` is already running in {}", home.path().display()),
    })
}

/// Takes the post and enters. Whoever keeps the database locked is watched from the first on, so that it is named, or ended,
/// also while we wait for it ourselves.
async fn begin(mode: Mode, tell: &impl Fn(News)) -> Result<(Life, Holders, UnboundedReceiver<News>), Refusal> {
    let taken = take(mode).await?;
    let (holders, mut locked) = Holders::watch(&taken);
    let life = telling(&mut locked, tell, taken.enter()).await?;
    holders.entered(&life.db);
    Ok((life, holders, locked))
}

/// Does what comes before being ready, however long somebody keeps the database locked.
async fn settle(life: &Life, workers: u32) -> Result<(), Refusal> {
    life::patiently(|| life.db.forget_slots_above(workers)).await?;
    life::patiently(|| life.db.look_again()).await?;
    life.ready().await
}

/// Waits for `work`, and says meanwhile who keeps it waiting.
async fn telling<T>(locked: &mut UnboundedReceiver<News>, tell: &impl Fn(News), work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(news) = locked.recv() => tell(news),
        }
    }
}

/// Takes the post; `up` waits for a private system to let go of it.
async fn take(mode: Mode) -> Result<Taken, Refusal> {
    let started = clock::instant();
    loop {
        match Taken::take(Post { role: Role::Supervisor, slot: 0 }) {
            Err(refusal)
                if mode != Mode::Private
                    && refusal.code == exit_code::ALREADY_RUNNING
                    && started.elapsed() < clock::scaled(HANDOVER) =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            taken => return taken,
        }
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
    // What is held waits for a time that a private system does not wait for.
    let near = if status.held.is_some() { 0 } else { status.queued + status.retrying + status.parked_by_outage };
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
