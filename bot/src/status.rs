//! `/status` in a chat: the whole system in a few lines.

use agentlab_platform::{db::DbError, instructions, life::Life};

/// The lines.
pub(crate) async fn words(life: &Life) -> Result<String, DbError> {
    let status = life.db.status().await?;
    let mut words = format!(
        "{} running, {} queued, {} trying again, {} waiting.\n{}\n{}",
        status.running,
        status.queued,
        status.retrying,
        status.parked + status.waiting,
        status.spending.line(),
        in_force(life)
    );
    for outage in &status.circuits {
        words.push_str(&format!("\n{}.", outage.words));
    }
    if let Some(suspicion) = &status.suspicion {
        words.push_str(&format!("\n{}.", suspicion.words));
    }
    if let Some(paused) = &status.paused {
        words.push_str(&format!("\n{}", paused.words));
    }
    if let Some(held) = &status.held {
        words.push_str(&format!("\n{held}"));
    }
    for process in &status.processes {
        if !process.ready {
            words.push_str(&format!("\n{} is not ready.", process.id));
        }
        if let Some(note) = &process.note {
            words.push_str(&format!("\n{}: {note}", process.id));
        }
    }
    for report in life.db.reports().await? {
        words.push_str(&format!("\n{}", report.line()));
    }
    Ok(words)
}

/// The instructions that a task of a chat would get.
fn in_force(life: &Life) -> String {
    let place = life.config.chat_place(life.home.workspace());
    instructions::words(&life.home, &place.project)
}
