//! One claim, from whatever state its run is in to its finish: look, take the next step, look again. There is no other
//! road for a run whose first worker died (see `domain::run::next_step`).

use std::{io::ErrorKind, sync::Arc, time::Duration};

use agentlab_domain::{
    circuit::Calls,
    progress::Progress,
    run::{Seen, Step, next_step},
};
use agentlab_platform::{
    clock,
    db::{DbError, claim::Claim},
    disk,
    life::Life,
    ping,
    run_dir::{self, RunDir, Spared},
};
use tokio::process::Child;

use crate::{finish, follow, start};

/// Between two looks at a run that nobody can settle yet.
const HOLD: Duration = Duration::from_secs(1);
/// After so many the run is left alone for a while, and somebody is told.
const LOOKS: u32 = 5;
/// For how long, in milliseconds.
const HOLD_MS: i64 = 60_000;

/// What can go wrong while a run is handled. None of it decides the job: the lease is let go and the job comes back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandleError {
    #[error("{0}")]
    Db(#[from] DbError),
    #[error("the run directory: {0}")]
    File(#[from] std::io::Error),
}

/// Handles a claim to its finish, or lets go of it when this worker was asked to stop so many times.
pub(crate) async fn handle(life: Arc<Life>, claim: Claim, times: u32) {
    claim.trace().over(take_up(&life, &claim, times)).await;
}

async fn take_up(life: &Life, claim: &Claim, times: u32) {
    tracing::info!(attempt = claim.attempt, fresh = claim.fresh, "claimed");
    let mut stop = life.stop();
    let handled = tokio::select! {
        handled = walk(life, claim) => handled,
        () = stop.asked(times) => Ok(()),
    };
    let handled = match handled {
        // Its files are there and cannot be read: nobody can tell whether it is over, and trying again at once helps nobody.
        Err(HandleError::File(error)) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            tracing::error!(%error, "the run's files cannot be read");
            let until = clock::now_ms() + clock::scaled_ms(HOLD_MS);
            life.db.hold_run(claim, until).await.map_err(HandleError::from)
        }
        handled => handled,
    };
    if let Err(error) = &handled {
        tracing::error!(%error, "the run could not be handled; I let go of it");
        // The next claim must not come in a hot loop.
        tokio::time::sleep(clock::scaled(HOLD)).await;
    }
    // Nothing to release when it was finished; else the run goes on and any worker may take it up.
    match life.db.release(&claim.worker, &claim.job_id).await {
        Ok(true) => {
            tracing::info!("let go; its run goes on");
            // Whoever is idle attaches now, not at its next look.
            ping::ping_workers(&life.home);
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "could not let go; the next start of this slot will"),
    }
}

async fn walk(life: &Life, claim: &Claim) -> Result<(), HandleError> {
    let run = RunDir::of(&life.home, &claim.run_id);
    let mut fresh = claim.fresh;
    let (mut looks, mut waited) = (0, false);
    let mut shim: Option<Child> = None;
    loop {
        let seen = Seen { fresh, exit: run.exit()?.is_some(), lock_held: run.lock_held()? };
        match next_step(seen) {
            Step::Start => match start::start(life, claim, &run).await {
                Ok(started) => {
                    if waited {
                        life.note(None);
                    }
                    (shim, fresh) = (started, false);
                }
                // Nobody was started: this claim begins it later, and no attempt is used up.
                Err(HandleError::File(error)) if disk::is_at_fault(&error) => {
                    waited = true;
                    if !wait_for_disk(life, claim, &run, &error).await {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            },
            Step::Attach => match follow::follow(life, claim, &run, shim.take()).await? {
                follow::Followed::Over => {}
                follow::Followed::LeaseLost => return Ok(()),
            },
            Step::Finish => return finish::finish(life, claim, &run).await,
            Step::Settle => {
                let (dir, id, home) = (run.clone(), claim.run_id.clone(), life.home.clone());
                let over = tokio::task::spawn_blocking(move || run_dir::settle(&dir, &id, &Spared::of(&home)?))
                    .await
                    .map_err(std::io::Error::other)??;
                if !over {
                    looks += 1;
                    tracing::warn!("cannot tell whether the run is over");
                    if looks >= LOOKS {
                        let until = clock::now_ms() + clock::scaled_ms(HOLD_MS);
                        return Ok(life.db.hold_run(claim, until).await?);
                    }
                    tokio::time::sleep(clock::scaled(HOLD)).await;
                }
            }
        }
    }
}

/// Says that the disk takes nothing and waits for a moment; false when the job is somebody else's by now.
async fn wait_for_disk(life: &Life, claim: &Claim, run: &RunDir, error: &std::io::Error) -> bool {
    tracing::error!(%error, "the run cannot begin: the disk takes nothing; I try again");
    life.note(Some(format!(
        "task {} cannot begin: the disk of {} takes nothing ({error}): `df -h` and `df -i` show it",
        claim.number,
        life.home.path().display()
    )));
    tokio::time::sleep(clock::scaled(HOLD)).await;
    let watch = life.db.progress(claim, &Progress::default(), None, (Calls::default(), clock::now_ms())).await;
    let Ok(watch) = watch else { return true };
    if !watch.leased {
        life.note(None);
    }
    if let Some(by) = watch.stop_by {
        // Its keeper is to find it before anything begins. Where it cannot be written, nothing begins either.
        let _ = run.request_stop(&by);
    }
    watch.leased
}
