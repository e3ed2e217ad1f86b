//! The worker: claims a job, runs it, finishes it; one at a time. `shim` holds each run, so that a worker may die at any
//! moment without its run noticing.

mod aside;
mod finish;
mod follow;
mod handle;
mod redact;
mod rows;
pub mod shim;
mod start;
mod wake;

use std::sync::Arc;

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    agent::Agent,
    life::{self, Life, Refusal},
    lock::{Lock, Mode},
    ping::Ear,
    queue,
};

/// Takes back what dead processes had claimed: those of this slot, and those of a slot that nobody fills any more.
async fn take_back(life: &Life, own: u32) -> Result<(), Refusal> {
    // A locked database is waited for: a worker that refused for it would take the whole system down with it.
    let mut released = life::patiently(|| life.db.release_slot(own)).await?;
    for slot in life.db.leased_slots().await?.into_iter().filter(|slot| *slot != own) {
        let path = life.home.post_lock(Post { role: Role::Worker, slot });
        // To hold the lock proves that nobody lives there, for as long as it is held.
        if let Some(_nobody) = Lock::try_take(&path, Mode::Exclusive).map_err(Refusal::unavailable)? {
            match life.db.release_slot(slot).await {
                Ok(also) => released += also,
                // Not waited for: with its lock in our hands nobody could start there. The supervisor lets go of it too.
                Err(error) if error.is_busy() => {
                    tracing::warn!(%error, slot, "what it had claimed is taken back later");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    if released > 0 {
        tracing::info!(released, "took back what earlier processes had claimed");
    }
    Ok(())
}

/// Runs the worker at `slot` until it is asked to stop, and returns its exit code; its run, if it has one, goes on without
/// it. With `drain` it finishes its run first, and lets go of it only when asked a second time.
pub async fn serve(slot: u32, drain: bool) -> Result<u8, Refusal> {
    let post = Post { role: Role::Worker, slot };
    let life = Life::begin(post).await?;
    // Looked for at the start too, so that a system without an agent refuses to start instead of failing every job.
    Agent::find(&life.config)?;
    let mut stop = life.stop();
    tokio::select! {
        taken_back = take_back(&life, slot) => taken_back?,
        () = stop.asked(1) => return Ok(life.code()),
    }
    let ear = Ear::of(&life)?;
    life.ready().await?;
    let (db, name, stop) = (life.db.clone(), life.name.clone(), life.stop());
    let claims = life.pulse.turns("claims");
    let life = Arc::new(life);
    let (worker, finishing) = (life.clone(), life.clone());
    let mut asked = life.stop();
    tokio::spawn(async move {
        asked.asked_to_finish().await;
        finishing.note(Some("takes nothing new: it finishes its task, and then ends".into()));
    });
    queue::work(&db, &name, (ear, claims), stop, move |claim| {
        handle::handle(worker.clone(), claim, if drain { 2 } else { 1 })
    })
    .await
    .map_err(Refusal::unavailable)?;
    tracing::info!("stopped");
    Ok(life.code())
}
