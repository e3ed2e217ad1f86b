//! `restart`: every process of a role, or all of them, ends in its own way and is started again. Running tasks go on.

use agentlab_domain::{intervention::Kind, role::Role};
use agentlab_platform::life::Refusal;

use crate::{failure::Failure, intervention, system};

/// Restarts `role`, or everything, and waits until it is back.
pub async fn restart(role: Option<Role>, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    if !agentlab_supervisor::is_running(&system.home) {
        return Err(intervention::nobody(&system.home));
    }
    if role == Some(Role::Bot) && system.config.telegram.token.is_none() {
        return Err(Refusal::unavailable("there is no bot to restart: telegram.token is not set").into());
    }
    let id = system.db.ask_for(Kind::Restart, role, "the terminal").await?;
    intervention::wait(&system, id, as_json).await
}
