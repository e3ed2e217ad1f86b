//! `recover`: a role is healed by force.

use agentlab_domain::{intervention::Kind, role::Role};

use crate::{failure::Failure, intervention, system};

/// Recovers `role`, and says what was done.
pub async fn recover(role: Role, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    if !agentlab_supervisor::is_running(&system.home) {
        return Err(intervention::nobody(&system.home));
    }
    let id = system.db.ask_for(Kind::Recover, Some(role), "the terminal").await?;
    intervention::wait(&system, id, as_json).await
}
