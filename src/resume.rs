//! `resume`: ends a pause. Where none is in force nothing changes, and that is said.

use agentlab_domain::exit_code;
use agentlab_platform::{ping, services};
use serde_json::json;

use crate::{failure::Failure, print, system};

/// Ends the pause, and wakes the workers.
pub async fn resume(as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let resumed = system.db.resume("the terminal").await?;
    ping::ping_workers(&system.home);
    if as_json {
        print::json(&json!({ "resumed": resumed }))?;
    } else if !resumed {
        print::line("nothing was paused");
    } else if agentlab_supervisor::is_running(&system.home) {
        print::line("resumed: waiting tasks begin");
    } else {
        print::line(&format!(
            "resumed: waiting tasks begin when agentlab runs; start it with {}",
            services::what_starts(&system.home)
        ));
    }
    Ok(exit_code::DONE)
}
