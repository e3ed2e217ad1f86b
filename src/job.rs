//! `job`: one task, with its answer.

use agentlab_domain::{exit_code, progress};

use crate::{failure::Failure, print, system};

/// Prints task `id`.
pub async fn job(id: i64, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let Some(view) = system.db.job(id).await? else { return Err(Failure::words(system.db.missing(id).await?)) };
    if as_json {
        print::json(&view)?;
        return Ok(exit_code::DONE);
    }
    print::line(&format!("task {} ({}): {}", view.id, view.channel, view.state));
    if let Some(of) = view.retry_of {
        print::line(&format!("does task {of} again"));
    }
    if let Some(reason) = &view.reason {
        print::line(&format!("because: {reason}"));
    }
    print::line(&format!("in: {} ({})", view.workspace, view.project));
    if let Some(cost) = view.cost_usd {
        print::line(&format!("cost: {}", progress::dollars(cost)));
    }
    if let Some(run) = &view.run {
        print::line(&format!(
            "run: {run}, attempt {}, session {}",
            view.attempts,
            view.session.as_deref().unwrap_or("-")
        ));
    }
    print::line(&format!("\n> {}", view.prompt.replace('\n', "\n> ")));
    if let Some(answer) = &view.answer {
        print::line(&format!("\n{}", answer.trim_end()));
    }
    Ok(exit_code::DONE)
}
