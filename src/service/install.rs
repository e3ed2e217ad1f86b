//! `service install`: units for every post, started, and waited for until they are ready. Done again it repairs: what is as it
//! should be is left alone, and running tasks go on in any case.

use std::{collections::BTreeSet, time::Duration};

use agentlab_domain::{
    exit_code,
    role::{Post, Role},
};
use agentlab_platform::{
    agent::Agent,
    clock,
    config::{self, Config},
    identity::Living,
    life::{Refusal, Stop},
    pulse,
    services::SUPERVISOR,
    spawn,
};
use serde_json::json;

use super::Place;
use crate::{failure::Failure, print, system::LOOK};

/// How long everybody may take to be ready.
const READY: Duration = Duration::from_mins(1);
/// How long a process that was left may take to end.
const ENDS: Duration = Duration::from_secs(10);
/// Nobody is ready so soon after a start that was not waited for.
const SHORTEST: Duration = Duration::from_secs(20);

pub(super) async fn install(place: Place, as_json: bool) -> Result<u8, Failure> {
    if let Some(words) = place.basis.refused_by(place.manager.kind) {
        return Err(Refusal::configuration(words).into());
    }
    let variables = config::variables();
    if !variables.is_empty() {
        let (file, names) = (place.home.config().display().to_string(), variables.join(", "));
        let message = format!(
            "services do not see what this shell alone sets: put {names} into {file}, unset them, and install again"
        );
        return Err(Refusal::configuration(message).into());
    }
    let config = config::load(&place.home)?;
    let agent = Agent::find(&config).map_err(Refusal::from)?;
    place.answers().await?;
    if place.runs_directly().await {
        let message = format!(
            "`agentlab up` runs in {}: stop it first (Ctrl-C; running tasks go on), then install again",
            place.home.path().display()
        );
        return Err(Refusal { code: exit_code::ALREADY_RUNNING, message }.into());
    }
    place.refuse_strangers()?;
    let place = &place.with_release()?;
    let wanted = place.wanted(&config);
    let (manager, mut stop) = (&place.manager, Stop::listen()?);
    take_over(place, &wanted).await?;
    let ran: BTreeSet<Post> = wanted.iter().copied().filter(|post| place.is_held(*post)).collect();
    let changed = manager.reconcile(&place.basis, &wanted.iter().copied().collect()).await?;
    // The supervisor first: it is not to start again the others while they are replaced.
    for post in wanted.iter().filter(|post| changed.written.contains(post) && ran.contains(post)) {
        manager.restart(*post).await?;
    }
    manager.start_all(&wanted).await?;
    if !as_json {
        say_what_is_missing(place, &agent);
        say_what_stays_behind(&config);
        print::note(&format!("units are in {}; waiting until everything is ready", manager.folder().display()));
    }
    tokio::select! {
        late = everybody(place, &wanted) => late?,
        () = stop.asked(1) => {
            return Err(Failure::words("not waited for any longer: the services go on starting, `agentlab service status` shows them"));
        }
    }
    report(place, &config, &wanted, as_json)?;
    Ok(exit_code::DONE)
}

fn say_what_is_missing(place: &Place, agent: &Agent) {
    for program in &place.missing {
        let what = match (agent, program.as_str()) {
            (Agent::Rehearse(_), "claude") => "tasks are only rehearsed, and every answer says so",
            _ => "agents will not find it; install it and run `agentlab service install` again",
        };
        print::note(&format!("`{program}` was not found on PATH: {what}"));
    }
}

/// Ends who was left at a post by an `agentlab up` that died: the manager could not start anybody beside him. What he runs goes on.
async fn take_over(place: &Place, wanted: &[Post]) -> Result<(), Failure> {
    for post in wanted.iter().copied().filter(|post| place.is_held(*post)) {
        let Some(beat) = pulse::read(&place.home, post).filter(|beat| beat.identity.living() == Living::Yes) else {
            continue;
        };
        if place.manager.state(post).await?.pid == Some(beat.identity.pid) {
            continue;
        }
        spawn::signal(&beat.identity, spawn::Wish::End);
        let began = clock::instant();
        while place.is_held(post) && beat.identity.living() == Living::Yes {
            if began.elapsed() > clock::scaled(ENDS).max(SHORTEST) {
                let (pid, role) = (beat.identity.pid, post.role.as_str());
                return Err(Failure::words(format!(
                    "{post} (pid {pid}), which no service manager started, does not end: `agentlab recover {role}` ends it \
                     when it hangs; then install again"
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// What agents may have had from the shell so far, and have not from a service.
const OF_SHELLS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "HTTPS_PROXY",
    "HTTP_PROXY",
];

/// Says what this shell sets and services will not have.
fn say_what_stays_behind(config: &Config) {
    let here = spawn::own_environment();
    let is_set = |name: &&str| here.iter().any(|line| line.split_once('=').is_some_and(|(known, _)| known == *name));
    for name in OF_SHELLS.into_iter().filter(is_set).filter(|name| !config.agent.env.contains_key(*name)) {
        print::note(&format!(
            "{name} is set in this shell alone, and agents under services do not get it: set agent.env.{name}"
        ));
    }
}

/// Waits until everybody is ready; says who is not, when it takes too long.
async fn everybody(place: &Place, wanted: &[Post]) -> Result<(), Failure> {
    let (began, limit) = (clock::instant(), clock::scaled(READY).max(SHORTEST));
    loop {
        // The supervisor may find that fewer are wanted.
        let kept = wanted.iter().copied().filter(|post| place.manager.is_installed(*post));
        let missing: Vec<Post> = kept.filter(|post| !is_ready(place, *post)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if began.elapsed() > limit {
            return Err(late(place, &missing).await);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn is_ready(place: &Place, post: Post) -> bool {
    pulse::read(&place.home, post).is_some_and(|beat| beat.ready && beat.identity.living() == Living::Yes)
}

async fn late(place: &Place, missing: &[Post]) -> Failure {
    let mut lines = Vec::new();
    for post in missing {
        let last = spawn::last_words(&place.home, *post).map(|last| format!(": {last}")).unwrap_or_default();
        let state = place.manager.state(*post).await.map(|state| state.words).unwrap_or_default();
        lines.push(format!("{post} is not ready, {} says {state}{last}", place.manager.kind.as_str()));
    }
    Refusal::unavailable(format!(
        "{}. The services are installed and go on trying: put right what is wrong, or `agentlab service uninstall`",
        lines.join("; ")
    ))
    .into()
}

fn report(place: &Place, config: &Config, wanted: &[Post], as_json: bool) -> Result<(), Failure> {
    let linger = place.manager.linger();
    let console = format!("http://127.0.0.1:{}", config.console.port);
    let workers = wanted.iter().filter(|post| post.role == Role::Worker).count();
    let bot = config.telegram.token.is_some();
    if as_json {
        let units: Vec<String> = wanted.iter().map(|post| place.manager.name(*post)).collect();
        print::json(&json!({
            "installed": true,
            "manager": place.manager.kind.as_str(),
            "folder": place.manager.folder(),
            "units": units,
            "workers": workers,
            "bot": bot,
            "console": console,
            "not_found": place.missing,
            "linger": linger.on,
        }))?;
        return Ok(());
    }
    let bot = if bot { "the bot is on" } else { "the bot is off (no telegram.token)" };
    print::line(&format!(
        "installed: {console} with {workers} workers, kept by {}; {bot}",
        place.manager.kind.as_str()
    ));
    print::note(&linger.words);
    let supervisor = place.manager.name(SUPERVISOR);
    print::note(&format!(
        "`agentlab status` shows what runs, `agentlab service status` the units ({supervisor} and the others), \
         `agentlab service uninstall` removes them"
    ));
    Ok(())
}
