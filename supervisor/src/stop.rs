//! Stopping the system: the daemons are asked, waited for, and only a process of ours that does not go is killed. Runs
//! are not daemons: they go on, unless they too are to stop.

use std::{collections::HashSet, time::Duration};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    clock,
    identity::Identity,
    life::{Life, Refusal, Stop},
    run_dir::RunDir,
    spawn,
};

use crate::{Mode, News, keeper::Keeper};

/// How long a daemon may take to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long a second Ctrl-C is waited for while runs live.
const SECOND: Duration = Duration::from_secs(5);
/// How long stopped runs may take to end: the shim's own grace, and some.
const RUNS_END: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Between two looks at workers that finish what they run: that may take an hour.
const DRAIN_LOOK: Duration = Duration::from_millis(100);

/// Ends the system as somebody at a terminal asks for it: with `drain` what runs is finished first. Says which runs go on.
pub(crate) async fn end(
    keeper: &mut Keeper<'_>,
    stop: &mut Stop,
    mode: Mode,
    tell: &impl Fn(News),
) -> Result<(), Refusal> {
    let drain = mode == Mode::Up { drain: true };
    if drain {
        tell(News::Draining);
        self::drain(keeper, stop).await;
    }
    tell(News::Stopping);
    all(keeper, spawn::Wish::End).await;
    if mode == Mode::Private { Ok(()) } else { runs(keeper.life, stop, if drain { 3 } else { 2 }, tell).await }
}

/// Stops every daemon and waits until each is gone: a child of ours collected, and every post's lock free. `wish` is how they
/// are asked.
pub(crate) async fn all(keeper: &mut Keeper<'_>, wish: spawn::Wish) {
    if wait_gone(keeper, wish).await {
        return;
    }
    tracing::warn!("a daemon did not stop in time; it is killed");
    wait_gone(keeper, spawn::Wish::Kill).await;
}

/// Asks the workers to finish and waits until they are gone, or until somebody asks a second time: then they let go.
async fn drain(keeper: &mut Keeper<'_>, stop: &mut Stop) {
    let workers: Vec<Post> = keeper.all_posts().into_iter().filter(|post| post.role == Role::Worker).collect();
    let drained = async {
        let mut asked = HashSet::new();
        while ask_once(keeper, &workers, spawn::Wish::End, &mut asked) {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    tokio::select! {
        () = drained => {}
        () = stop.asked(2) => {}
    }
}

/// Signals each process at these posts once, as soon as it is known who it is; false when all are gone.
fn ask_once(keeper: &mut Keeper<'_>, posts: &[Post], wish: spawn::Wish, asked: &mut HashSet<Identity>) -> bool {
    let (anybody, known) = keeper.living(posts);
    for process in known {
        if asked.insert(process.clone()) {
            spawn::signal(&process, wish);
        }
    }
    anybody
}

/// Signals every daemon and waits until all are gone; false when they take too long.
async fn wait_gone(keeper: &mut Keeper<'_>, wish: spawn::Wish) -> bool {
    let started = clock::instant();
    let posts = keeper.all_posts();
    let mut signalled = HashSet::new();
    while ask_once(keeper, &posts, wish, &mut signalled) {
        if started.elapsed() > clock::scaled(GRACE) {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// Says which runs go on, and stops them too when it was asked `times`.
async fn runs(life: &Life, stop: &mut Stop, times: u32, tell: &impl Fn(News)) -> Result<(), Refusal> {
    let live = life.db.live_runs().await?;
    if live.is_empty() {
        return Ok(());
    }
    tell(News::LeftRunning { runs: live.len() });
    tokio::select! {
        () = stop.asked(times) => {}
        () = tokio::time::sleep(clock::scaled(SECOND)) => return Ok(()),
    }
    let runs: Vec<RunDir> = live.iter().map(|(id, _)| RunDir::of(&life.home, id)).collect();
    for (run, (_, number)) in runs.iter().zip(&live) {
        life.db.cancel(*number, "Ctrl-C").await?;
        run.request_stop("Ctrl-C").map_err(Refusal::unavailable)?;
    }
    let started = clock::instant();
    while runs.iter().any(|run| run.lock_held().unwrap_or(false)) && started.elapsed() < clock::scaled(RUNS_END) {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
