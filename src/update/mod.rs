//! `update`: a newer release is taken, checked, put in place on trial, and everything is started again from it. Running tasks go
//! on. A release that does not prove itself is left by itself, so nobody has to wait here for the end of its trial.

mod origin;
pub mod place;
mod wait;

use agentlab_domain::exit_code;
use agentlab_platform::{
    clock,
    db::update::Change,
    home::Home,
    recovery,
    releases::{self, Release, trial},
};
use serde_json::json;

pub use wait::until_back;

use crate::{args::Update, failure::Failure, print, system};

/// Updates to what `update` names.
pub async fn update(update: Update, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    // Before a build of minutes.
    place::is_free(&home)?;
    let origin = origin::find(&home, update.path.as_deref()).await?;
    let taken = releases::take(&home, &origin.executable, origin.source.as_ref())?;
    let release = match releases::check(&home, &releases::program(&home, &taken.release.name)).await {
        Ok(fit) => releases::described(&home, &taken.release.name, &fit)?,
        Err(why) => {
            if taken.is_new {
                releases::discard(&home, &taken.release.name);
            }
            let path = origin.executable.display();
            return Err(Failure::words(format!("nothing was changed: {path} does not fit this home: {why}")));
        }
    };
    let bad = releases::why_bad(&home, &release);
    if let Some(bad) = bad.as_ref().filter(|_| !update.again) {
        return Err(Failure::words(format!(
            "nothing was changed: release {} was left {} ({}). `agentlab update {} --again` tries it all the same",
            release.words(),
            place::ago(bad.at),
            bad.why,
            origin.named().display()
        )));
    }
    let system = system::open().await?;
    let held = recovery::take(&home, "an update", place::LASTS).map_err(place::refused)?;
    let running = releases::running(&home)?;
    if running.name == release.name && is_in_place(&home, &release) && bad.is_none() {
        return already(&release, as_json);
    }
    put_in_place(&home, &release, &running)?;
    let asked = place::restart(&system, Change::Update, &release).await?;
    drop(held);
    releases::tidy(&home);
    let minutes = clock::scaled(agentlab_domain::trial::HEALTHY).as_secs().div_ceil(60);
    let trial = format!("on trial for {minutes} minutes; it returns to {} by itself if it fails", running.words());
    let Some(asked) = asked else {
        let words = format!("release {} is in place, and runs from the next start on: {trial}", release.words());
        return place::say(&release, &running, "in place", &words, as_json);
    };
    print::note(&format!("release {} is in place; everything is started again from it", release.words()));
    until_back(&system, asked, &release).await?;
    place::say(&release, &running, "running", &format!("release {} runs, {trial}", release.words()), as_json)
}

fn is_in_place(home: &Home, release: &Release) -> bool {
    releases::current(home).is_some_and(|current| current.name == release.name)
}

fn already(release: &Release, as_json: bool) -> Result<u8, Failure> {
    if as_json {
        print::json(&json!({ "release": release, "state": "unchanged" }))?;
    } else {
        print::line(&format!("release {} runs already", release.words()));
    }
    Ok(exit_code::DONE)
}

/// Each step may be the last one before a power cut: without the link there is no trial, and what is in place starts.
fn put_in_place(home: &Home, release: &Release, running: &Release) -> Result<(), Failure> {
    releases::forgive(home, &release.name)?;
    // What an earlier update has put in place, and nothing runs from yet, keeps its trial.
    if trial::in_force(home).is_none_or(|trial| trial.release != release.name) {
        if running.name == release.name {
            releases::switch(home, &release.name)?;
            return Ok(());
        }
        trial::begin(home, release, &running.name)?;
    }
    releases::switch(home, &release.name)?;
    Ok(())
}
