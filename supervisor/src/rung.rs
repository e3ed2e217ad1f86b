//! The effects of the rungs of the ladder. Each says in words what it changed; no words, no change.

use agentlab_domain::{ladder::Rung, role::Post};

use crate::keeper::Keeper;

/// Takes a rung for the component at `post`, which nobody is at.
#[expect(clippy::unused_async, reason = "what the rungs do waits for files and rows")]
pub(crate) async fn take(_keeper: &mut Keeper<'_>, _post: Post, rung: Rung) -> Vec<String> {
    match rung {
        Rung::Restart | Rung::EndHolders | Rung::Reset | Rung::Capped => Vec::new(),
    }
}
