//! Starting a run: its directory, its lock, its shim, in this order (rules R1, R2). What can be known to fail before a
//! process exists is written as the run's end, and takes the ordinary road from there. While the disk takes nothing, nothing of
//! it has happened: it is done again, by the same claim.

use agentlab_domain::{
    outcome::{End, Exit},
    prompt,
    session::{self, Opened},
};
use agentlab_platform::{
    agent::{Agent, Opening},
    clock,
    db::{begin::Started, claim::Claim},
    disk, hooks,
    instructions::{self, Instructions},
    life::Life,
    lock::{Lock, Mode},
    run_dir::{RunDir, Spec},
    spawn, transcript,
};
use fail::fail_point;
use tokio::process::Child;

use crate::{handle::HandleError, rows};

/// Between the request to end and the kill, in milliseconds.
const GRACE_MS: i64 = 10_000;

/// Starts the shim of a fresh run; `None` when the run ended before it began.
pub(crate) async fn start(life: &Life, claim: &Claim, run: &RunDir) -> Result<Option<Child>, HandleError> {
    fail_point!("start-begin");
    run.create()?;
    let Some(lock) = Lock::take(&run.run_lock(), Mode::Exclusive)? else { return Ok(None) };
    rows::keep(life, claim, run).await;
    let (agent, instructions) = match ready(life, claim) {
        Ok(ready) => ready,
        Err(why) => return not_started(run, why),
    };
    if let Some(instructions) = &instructions {
        run.write_instructions(&instructions.text)?;
    }
    let opened = open(life, claim, &agent);
    let prompt = prompt::compose(&claim.prompt, claim.interrupted.as_deref(), opened);
    let spec = spec(life, claim, run, &agent, opened, instructions.as_ref());
    // Before the specification: no agent may begin without the hooks that it was to have.
    if !spec.checks.is_empty() {
        let hooked = match hooks::write(&life.config, run, &claim.run_id, &spec.workspace, &spec.checks).await {
            Ok(hooked) => hooked,
            Err(error) if disk::is_at_fault(&error) => return Err(error.into()),
            Err(error) => return not_started(run, format!("its Git hooks could not be written: {error}")),
        };
        tracing::info!(checks = spec.checks.len(), hooked, "the project has checks");
    }
    run.write_spec(&spec, &prompt)?;
    fail_point!("start-shim");
    let shim = spawn::shim(&life.config, run, &claim.run_id, agent.environment(&life.home), &lock);
    let shim = match shim {
        Ok(shim) => shim,
        Err(error) if disk::is_at_fault(&error) => return Err(error.into()),
        // We hold the lock still: nobody keeps this run, and nobody will.
        Err(error) => return not_started(run, format!("its keeper could not be started: {error}")),
    };
    drop(lock);
    fail_point!("start-started");
    let hash = instructions.as_ref().map(|instructions| instructions.hash.as_str());
    life.db.run_started(claim, &Started { rehearsed: agent.is_rehearsal(), opened, instructions: hash }).await?;
    tracing::info!(shim = shim.id(), "started");
    Ok(Some(shim))
}

/// Ends the run before it began. The caller holds its lock.
fn not_started(run: &RunDir, why: String) -> Result<Option<Child>, HandleError> {
    run.write_exit(&Exit::without_status(End::NotStarted { why }))?;
    Ok(None)
}

/// How the session is to be opened: what the agent has kept of it decides.
fn open(life: &Life, claim: &Claim, agent: &Agent) -> Opened {
    let kept = |session: &str| transcript::exists(agent, &life.config, &life.home, session);
    session::open(kept(&claim.session), claim.forked_from.as_deref().map(kept))
}

fn spec(life: &Life, claim: &Claim, run: &RunDir, agent: &Agent, opened: Opened, told: Option<&Instructions>) -> Spec {
    let file = run.instructions();
    let opening = Opening {
        session: &claim.session,
        opened,
        forked_from: claim.forked_from.as_deref(),
        instructions: told.map(|_| file.as_path()),
        reserved: claim.reserved,
    };
    let command = agent.command_line(&life.config, &opening);
    let minutes = |minutes: u64| {
        u64::try_from(clock::scaled_ms(i64::try_from(minutes.saturating_mul(60_000)).unwrap_or(i64::MAX)))
    };
    Spec {
        run: claim.run_id.clone(),
        command: command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        workspace: claim.workspace.clone().into(),
        limit_ms: minutes(life.config.agent.max_run_minutes).unwrap_or(u64::MAX),
        silence_ms: minutes(life.config.agent.no_progress_minutes).unwrap_or(u64::MAX),
        grace_ms: u64::try_from(clock::scaled_ms(GRACE_MS)).unwrap_or_default(),
        opened: Some(opened),
        instructions: told.map(|told| told.hash.clone()),
        checks: life.config.checks(&claim.project, claim.workspace.as_ref()).to_vec(),
        place: None,
        trace: claim.trace(),
    }
}

/// The agent and what it is told, if the run can begin at all.
fn ready(life: &Life, claim: &Claim) -> Result<(Agent, Option<Instructions>), String> {
    let workspace = std::path::Path::new(&claim.workspace);
    if !workspace.is_dir() {
        return Err(format!("the project's path {workspace:?} is not there: create it, or correct projects.*.path"));
    }
    let agent = Agent::find(&life.config).map_err(|error| error.to_string())?;
    let instructions = instructions::in_force(&life.home, &claim.project).map_err(|error| error.to_string())?;
    Ok((agent, instructions))
}
