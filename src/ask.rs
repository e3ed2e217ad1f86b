//! `ask`: give a task, follow it, print the answer. Where no system runs, a private one is started.

use std::{io::Read, path::Path};

use agentlab_domain::{exit_code, prompt};
use agentlab_platform::{
    agent::Agent,
    config::Place,
    db::enqueue::{NewJob, Resumes, Source},
    life::{Refusal, Stop},
    lock::{Lock, Mode},
    ping,
    run_dir::RunDir,
};
use serde_json::json;

use crate::{
    args::Ask,
    failure::Failure,
    follow::{self, Followed},
    print,
    system::{self, Private, System},
};

/// Gives the task and, unless told otherwise, waits for its answer.
pub async fn ask(ask: Ask, as_json: bool) -> Result<u8, Failure> {
    let prompt = prompt(&ask.text)?;
    let mut system = system::open().await?;
    let (place, resumes) = match &ask.session {
        Some(name) => session(&system, name).await?,
        None => (place(&system, ask.project.as_deref())?, None),
    };
    // Refused here rather than in a run that nobody can help.
    let agent = Agent::find(&system.config).map_err(Refusal::from)?;
    // Held while we wait: a private system does not end under us.
    let _waiting = Lock::take(&system.home.lock("ask"), Mode::Shared)?;
    let mut stop = Stop::listen()?;
    let source = Source::Terminal { request_id: uuid::Uuid::new_v4().to_string() };
    let job = system.db.enqueue(&NewJob { source, place: place.clone(), prompt, resumes }).await?;
    if !ask.no_wait {
        if agent.is_rehearsal() {
            print::note("No `claude` was found on PATH: this is only rehearsed.");
        }
        print::note(&format!("task {} in {}", job.number, place.path.display()));
    }
    given(&mut system, &mut stop, job.number, ask.no_wait, as_json).await
}

/// A task was given: sees to it that a system runs and, unless told otherwise, waits for the answer.
pub async fn given(
    system: &mut System,
    stop: &mut Stop,
    number: i64,
    no_wait: bool,
    as_json: bool,
) -> Result<u8, Failure> {
    ping::ping_workers(&system.home);
    if !agentlab_supervisor::is_running(&system.home) {
        // The system that is started for it looks anew; so do we, before we say that it is held.
        system.db.look_again().await?;
    }
    let mut private = Private::default();
    if let Err(failure) = private.ensure(&system.home) {
        print::note(&format!("task {number} is kept and runs when the system does"));
        return Err(failure);
    }
    if no_wait {
        if as_json {
            print::json(&json!({ "id": number, "state": "queued" }))?;
        } else {
            print::line(&format!("task {number}"));
            if let Some(paused) = system.db.paused().await? {
                print::note(&paused.kept());
            }
            print::note(&format!("`agentlab job {number}` prints its answer."));
        }
        return Ok(exit_code::DONE);
    }
    let followed = tokio::select! {
        followed = follow::follow(system, &mut private, number) => followed?,
        () = stop.asked(1) => {
            cancel(system, number).await?;
            follow::to_its_end(system, &mut private, number).await?
        }
    };
    follow::report(&followed, as_json)?;
    Ok(match followed {
        Followed::Ended(view) if view.state == "done" => exit_code::DONE,
        Followed::Ended(_) => exit_code::FAILED,
        Followed::Parked(_) => exit_code::UNAVAILABLE,
    })
}

/// The conversation of that name, and the place to which it belongs.
async fn session(system: &System, name: &str) -> Result<(Place, Option<Resumes>), Failure> {
    let found = system.db.session(name).await?.ok_or_else(|| {
        usage(&format!(
            "there is not exactly one conversation {name} that can be taken up: `agentlab job ID` names a task's"
        ))
    })?;
    let (place, resumes) = Resumes::of(found, &system.config);
    Ok((place, Some(resumes)))
}

async fn cancel(system: &System, number: i64) -> Result<(), Failure> {
    if let agentlab_platform::db::cancel::Cancel::Stopping { run_id, .. } =
        system.db.cancel(number, "the terminal").await?
    {
        RunDir::of(&system.home, &run_id).request_stop("the terminal")?;
    }
    Ok(())
}

fn prompt(text: &str) -> Result<String, Failure> {
    let prompt = if text == "-" {
        let mut input = String::new();
        std::io::stdin().read_to_string(&mut input)?;
        input
    } else {
        text.to_owned()
    };
    prompt::check(&prompt).map_err(|error| usage(&error.to_string()))?;
    Ok(prompt)
}

fn usage(message: &str) -> Failure {
    Refusal { code: exit_code::USAGE, message: message.into() }.into()
}

/// The named project, else the current directory.
fn place(system: &System, project: Option<&str>) -> Result<Place, Failure> {
    let place = match project {
        Some(name) => system.config.project_place(name).ok_or_else(|| {
            let nearest = system.config.nearest_project(name);
            let hint = nearest.map_or_else(
                || format!("add [projects.{name}] with its path to {}", system.home.config().display()),
                |nearest| format!("did you mean `{nearest}`?"),
            );
            Failure::from(Refusal::configuration(format!("there is no project `{name}`: {hint}")))
        })?,
        None => system.config.directory_place(&std::env::current_dir()?.canonicalize()?),
    };
    if !Path::new(&place.path).is_dir() {
        let message = format!("the path {} of project `{}` is not there", place.path.display(), place.project);
        return Err(Refusal::configuration(message).into());
    }
    Ok(place)
}
