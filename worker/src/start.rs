//! Starting a run: its directory, its lock, its shim, in this order (rules R1, R2). What can be known to fail before a
//! process exists is written as the run's end, and takes the ordinary road from there.

use agentlab_domain::outcome::{End, Exit};
use agentlab_platform::{
    agent::Agent,
    clock,
    db::claim::Claim,
    hooks,
    life::Life,
    lock::{Lock, Mode},
    run_dir::{RunDir, Spec},
    spawn,
};
use fail::fail_point;
use tokio::process::Child;

use crate::handle::HandleError;

/// Between the request to end and the kill, in milliseconds.
const GRACE_MS: i64 = 10_000;

/// Starts the shim of a fresh run; `None` when the run ended before it began.
pub(crate) async fn start(life: &Life, claim: &Claim, run: &RunDir) -> Result<Option<Child>, HandleError> {
    fail_point!("start-begin");
    run.create()?;
    let Some(lock) = Lock::take(&run.run_lock(), Mode::Exclusive)? else { return Ok(None) };
    let agent = match ready(life, claim) {
        Ok(agent) => agent,
        Err(why) => {
            run.write_exit(&Exit::without_status(End::NotStarted { why }))?;
            return Ok(None);
        }
    };
    let command = agent.command_line(&life.config, &claim.session);
    let minutes = |minutes: u64| {
        u64::try_from(clock::scaled_ms(i64::try_from(minutes.saturating_mul(60_000)).unwrap_or(i64::MAX)))
    };
    let spec = Spec {
        run: claim.run_id.clone(),
        command: command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        workspace: claim.workspace.clone().into(),
        limit_ms: minutes(life.config.agent.max_run_minutes).unwrap_or(u64::MAX),
        silence_ms: minutes(life.config.agent.no_progress_minutes).unwrap_or(u64::MAX),
        grace_ms: u64::try_from(clock::scaled_ms(GRACE_MS)).unwrap_or_default(),
        checks: life.config.checks(&claim.project, claim.workspace.as_ref()).to_vec(),
    };
    // Before the specification: no agent may begin without the hooks that it was to have.
    if !spec.checks.is_empty() {
        let hooked = hooks::write(&life.config, run, &claim.run_id, &spec.workspace, &spec.checks).await?;
        tracing::info!(task = claim.number, checks = spec.checks.len(), hooked, "the project has checks");
    }
    run.write_spec(&spec, &claim.prompt)?;
    fail_point!("start-shim");
    let shim = spawn::shim(&life.config, run, &claim.run_id, lock)?;
    fail_point!("start-started");
    life.db.run_started(claim, agent.is_rehearsal()).await?;
    tracing::info!(task = claim.number, run = %claim.run_id, shim = shim.id(), "started");
    Ok(Some(shim))
}

/// The agent, if the run can begin at all.
fn ready(life: &Life, claim: &Claim) -> Result<Agent, String> {
    let workspace = std::path::Path::new(&claim.workspace);
    if !workspace.is_dir() {
        return Err(format!("the project's path {workspace:?} is not there: create it, or correct projects.*.path"));
    }
    Agent::find(&life.config).map_err(|error| error.to_string())
}
