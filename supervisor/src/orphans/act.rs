//! Doing what was decided about one run. Each action may be done again without harm; what was done in vain is remembered.

use agentlab_domain::orphan::Action;
use agentlab_platform::{
    clock,
    db::orphans::LiveRun,
    life::Life,
    ping,
    run_dir::{self, RunDir, Spared},
    spawn,
};

use super::memory::Memory;
use crate::alerts::Alerts;

/// Does it.
pub(super) async fn act(
    (life, alerts): (&Life, &Alerts),
    (row, run): (&LiveRun, &RunDir),
    memory: &mut Memory,
    action: Action,
) {
    let (task, id) = (row.task, &row.id);
    match action {
        Action::Wake => {
            if let Ok(Some(shim)) = run.shim() {
                tracing::warn!(task, run.id = %id, pid = shim.pid, "the run's shim stands still (SIGSTOP); I wake it");
                spawn::signal(&shim, spawn::Wish::Continue);
                memory.stillness.forget();
            }
        }
        Action::Stop => {
            let by = row.unwanted_by.as_deref().unwrap_or("agentlab");
            match run.request_stop(by) {
                Ok(()) => tracing::info!(task, run.id = %id, by, "asked to stop, since no worker does"),
                Err(error) => tracing::warn!(task, run.id = %id, %error, "could not ask it to stop; I try again"),
            }
        }
        Action::Name => name(alerts, row, run, memory),
        Action::Settle => {
            let (dir, name, home) = (run.clone(), id.clone(), life.home.clone());
            let settled = tokio::task::spawn_blocking(move || run_dir::settle(&dir, &name, &Spared::of(&home)?)).await;
            match settled {
                Ok(Ok(true)) => {
                    tracing::warn!(task, run.id = %id, "its shim is dead and no worker is free: I closed it")
                }
                Ok(Ok(false)) => {
                    memory.in_vain = Some(clock::instant());
                    tracing::warn!(task, run.id = %id, "its shim is dead, and I cannot tell whether it is over");
                }
                Ok(Err(error)) => {
                    memory.in_vain = Some(clock::instant());
                    tracing::error!(task, run.id = %id, %error, "its shim is dead, and it could not be closed");
                }
                Err(error) => tracing::error!(task, run.id = %id, %error, "closing it broke"),
            }
        }
        Action::Adopt => {
            memory.told = true;
            tracing::info!(task, run.id = %id, "nobody follows it; the workers are told");
            ping::ping_workers(&life.home);
        }
    }
}

/// Tells the owner of a shim that does not end.
fn name(alerts: &Alerts, row: &LiveRun, run: &RunDir, memory: &mut Memory) {
    let task = row.task;
    let keeper = run.shim().ok().flatten().map(|shim| format!(" (process {})", shim.pid)).unwrap_or_default();
    let why = if memory.unwanted.is_some() { "It was asked to stop" } else { "Its time limit is over" };
    let words = format!(
        "Task {task} does not end. {why}, and minutes later its keeper{keeper} is still there. Either something of it cannot be \
         ended (a process of another user?) or its end cannot be written (a full disk?). I leave it alone; `agentlab logs \
         {task}` and the files in runs/{} say more.",
        row.id
    );
    tracing::error!(task, run.id = %row.id, "{words}");
    alerts.tell(format!("overdue:{}", row.id), words);
    memory.named = true;
}
