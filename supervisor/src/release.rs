//! Letting go of what a dead worker held, at once: an idle worker attaches before a successor has started, and also where
//! none can start. That the post's lock can be taken *proves* the death, for as long as it is held (rule R5).

use std::time::Duration;

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    clock,
    life::Life,
    lock::{Lock, Mode},
    ping,
};

/// How long a locked database may keep us from starting the successor, which lets go of the same.
const PATIENCE: Duration = Duration::from_millis(500);

/// Whether a dead worker's leases are still held at this post. A database that cannot be read now says no: the next look asks
/// again, and a successor lets go of the same.
pub(crate) async fn is_left(life: &Life, post: Post) -> bool {
    match post.role {
        Role::Worker => {}
        Role::Bot | Role::Supervisor | Role::Console => return false,
    }
    let slots = tokio::time::timeout(clock::scaled(PATIENCE), life.db.leased_slots()).await;
    slots.is_ok_and(|slots| slots.is_ok_and(|slots| slots.contains(&post.slot)))
}

/// Releases the leases of the dead worker at this post, and tells the living ones.
pub(crate) async fn release(life: &Life, post: Post) {
    let Ok(Some(_nobody_lives_there)) = Lock::try_take(&life.home.post_lock(post), Mode::Exclusive) else { return };
    match tokio::time::timeout(clock::scaled(PATIENCE), life.db.release_slot(post.slot)).await {
        Ok(Ok(released)) => {
            tracing::info!(%post, released, "let go of what the dead worker held");
            ping::ping_workers(&life.home);
        }
        Ok(Err(error)) => tracing::warn!(%post, %error, "could not let go of what the dead worker held"),
        Err(_) => tracing::warn!(%post, "the database is locked: what the dead worker held is let go of later"),
    }
}
