//! The effects of the rungs of the ladder. Each says in words what it changed; no words, no change.

use agentlab_domain::{ladder::Rung, role::Post};
use agentlab_platform::{life::Life, reset};

use crate::{
    diagnosis::{self, Trouble},
    going_back,
    keeper::Keeper,
};

/// Takes a rung for the component at `post`, which nobody is at.
pub(crate) async fn take(keeper: &mut Keeper<'_>, post: Post, rung: Rung) -> Vec<String> {
    match rung {
        Rung::Restart => Vec::new(),
        Rung::EndHolders => keeper.holders.end_stale(),
        Rung::Reset => put_back(keeper.life, post).await,
        Rung::Release => going_back::by_rung(keeper, post),
        Rung::Capped => {
            let tried = keeper.posts.get(&post).map_or(0, |state| state.climb.failed);
            let trouble = Trouble { post, tried, more: Vec::new() };
            vec![diagnosis::give(keeper.life, &keeper.alerts, &trouble).await]
        }
    }
}

/// What earlier processes left at the post, and what the WAL holds.
async fn put_back(life: &Life, post: Post) -> Vec<String> {
    let mut changed = match reset::reset(&life.home, post) {
        Ok(changed) => changed,
        Err(error) => {
            tracing::error!(%post, %error, "cannot be reset");
            Vec::new()
        }
    };
    match life.db.checkpoint().await {
        Ok(0) => {}
        Ok(pages) => changed.push(format!("moved {pages} pages from the WAL into the database")),
        Err(error) => tracing::warn!(%error, "the WAL could not be moved into the database"),
    }
    changed
}
