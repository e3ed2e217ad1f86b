//! Stopping the system: the daemons are asked, waited for, and only a process of ours that does not go is killed. Runs
//! are not daemons: they go on, unless they too are to stop.

use std::time::Duration;

use agentlab_domain::role::Post;
use agentlab_platform::{
    clock,
    life::{Life, Refusal, Stop},
    lock,
    run_dir::RunDir,
    spawn,
};

use crate::{News, post::Keeper};

/// How long a daemon may take to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long a second Ctrl-C is waited for while runs live.
const SECOND: Duration = Duration::from_secs(5);
/// How long stopped runs may take to end: the shim's own grace, and some.
const RUNS_END: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Stops every daemon and waits until each one's lock is free, which proves that it is gone.
pub(crate) async fn all(life: &Life, keeper: &mut Keeper<'_>) {
    let posts: Vec<Post> = keeper.posts().collect();
    signal(life, &posts, spawn::Wish::End).await;
    if wait_free(life, keeper, &posts, clock::scaled(GRACE)).await {
        return;
    }
    tracing::warn!("a daemon did not stop in time; it is killed");
    signal(life, &posts, spawn::Wish::Kill).await;
    wait_free(life, keeper, &posts, clock::scaled(GRACE)).await;
}

async fn signal(life: &Life, posts: &[Post], wish: spawn::Wish) {
    let rows = life.db.processes().await.unwrap_or_default();
    for post in posts.iter().filter(|post| is_held(life, **post)) {
        let row = rows.iter().find(|row| row.role == post.role.as_str() && row.slot == post.slot);
        if let Some(row) = row {
            spawn::signal(&row.identity(), wish);
        }
    }
}

async fn wait_free(life: &Life, keeper: &mut Keeper<'_>, posts: &[Post], limit: Duration) -> bool {
    let started = clock::instant();
    while posts.iter().any(|post| is_held(life, *post)) {
        if started.elapsed() > limit {
            return false;
        }
        keeper.collect();
        tokio::time::sleep(LOOK).await;
    }
    keeper.collect();
    true
}

fn is_held(life: &Life, post: Post) -> bool {
    lock::is_held(&life.home.post_lock(post)).unwrap_or(false)
}

/// Says which runs go on, and stops them too when asked a second time.
pub(crate) async fn runs(life: &Life, stop: &mut Stop, tell: &impl Fn(News)) -> Result<(), Refusal> {
    let live = life.db.live_runs().await?;
    if live.is_empty() {
        return Ok(());
    }
    tell(News::LeftRunning { runs: live.len() });
    tokio::select! {
        () = stop.asked(2) => {}
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
