//! `doctor --service`: the same findings, made with the environment that the service manager gives to our units, and nothing of
//! this shell's. What differs is what a service finds otherwise than you do.

use agentlab_platform::{
    home::Home,
    life::Refusal,
    services::{Manager, SUPERVISOR},
    spawn,
};
use serde::Serialize;

use super::finding::{self, Finding};
use crate::{failure::Failure, print};

#[derive(Serialize)]
struct Both {
    service: Vec<Finding>,
    /// What is found here and not there.
    only_here: Vec<Finding>,
    /// What is found there and not here.
    only_in_service: Vec<Finding>,
}

/// Prints what the services find; `here` is what this shell finds.
pub(super) async fn print(here: Vec<Finding>, as_json: bool) -> Result<u8, Failure> {
    let service = ask().await?;
    let only = |these: &[Finding], those: &[Finding]| -> Vec<Finding> {
        these.iter().filter(|finding| !those.contains(finding)).cloned().collect()
    };
    let (only_here, only_in_service) = (only(&here, &service), only(&service, &here));
    let code = finding::code(&service);
    if as_json {
        print::json(&Both { service, only_here, only_in_service })?;
        return Ok(code);
    }
    for finding in &service {
        finding.print();
    }
    print::line("");
    if only_here.is_empty() && only_in_service.is_empty() {
        print::line("the services find the same as this shell");
        return Ok(code);
    }
    print::line("the services find otherwise than this shell:");
    for (place, found) in [("service", &only_in_service), ("here", &only_here)] {
        for finding in found {
            let what = print::shown(&format!("{}: {}", finding.id, finding.what));
            print::coloured(&format!("  {place}: {} {what}", finding.mark()));
        }
    }
    Ok(code)
}

/// What `doctor` says in the environment of the installed supervisor.
async fn ask() -> Result<Vec<Finding>, Failure> {
    let home = Home::open()?;
    let none = || Refusal::unavailable("no services of this home are installed: `agentlab service install` does it");
    let installed =
        Manager::of_this_machine().filter(|manager| manager.home_of(SUPERVISOR).as_deref() == Some(home.path()));
    let manager = installed.ok_or_else(none)?;
    let environment = manager.environment(SUPERVISOR).await.map_err(Refusal::unavailable)?;
    let said = spawn::doctor_in(environment).await?;
    serde_json::from_str(&said)
        .map_err(|error| Failure::words(format!("what doctor says there cannot be read: {error}")))
}
