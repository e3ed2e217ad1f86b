//! `service status`: each unit, as the service manager and the file tell of it.

use agentlab_domain::{exit_code, role::Post, unit::Found};
use agentlab_platform::{
    config,
    services::{State, reconcile::every_post},
};
use serde::Serialize;
use serde_json::json;

use super::Place;
use crate::{failure::Failure, print};

/// One unit.
#[expect(clippy::struct_excessive_bools, reason = "independent observations")]
#[derive(Debug, Serialize)]
struct View {
    id: String,
    unit: String,
    wanted: bool,
    installed: bool,
    enabled: bool,
    state: String,
    pid: Option<i32>,
    last_exit: Option<String>,
    /// It is not what `service install` would write.
    differs: bool,
    /// It belongs to another home.
    foreign: bool,
}

pub(super) async fn status(place: &Place, as_json: bool) -> Result<u8, Failure> {
    let manager = &place.manager;
    let answers = manager.answers().await;
    let wanted = config::load(&place.home).map(|config| place.wanted(&config)).unwrap_or_default();
    let mut units = Vec::new();
    let any = every_post().into_iter().any(|post| manager.is_installed(post));
    for post in every_post() {
        if manager.is_installed(post) || (any && wanted.contains(&post)) {
            let state = manager.state(post).await.unwrap_or_default();
            units.push(unit(place, post, wanted.contains(&post), state));
        }
    }
    let linger = manager.linger();
    let is_well = |unit: &View| !unit.foreign && (unit.pid.is_some() || !unit.wanted);
    let well = !units.is_empty() && answers.is_ok() && units.iter().all(is_well);
    if as_json {
        let manager_says = answers.as_ref().err().map(ToString::to_string);
        print::json(&json!({
            "manager": manager.kind.as_str(),
            "answers": answers.is_ok(),
            "error": manager_says,
            "folder": manager.folder(),
            "linger": linger.on,
            "units": units,
        }))?;
    } else {
        print(place, &units, answers.err().map(|trouble| trouble.to_string()));
        if !units.is_empty() {
            print::line(&linger.words);
        }
    }
    Ok(if well { exit_code::DONE } else { exit_code::FAILED })
}

fn unit(place: &Place, post: Post, wanted: bool, state: State) -> View {
    let found = place.manager.found(&place.basis, post);
    View {
        id: post.to_string(),
        unit: place.manager.name(post),
        wanted,
        installed: place.manager.is_installed(post),
        enabled: state.enabled,
        last_exit: state.last_words(),
        state: if state.words.is_empty() { "not loaded".to_owned() } else { state.words },
        pid: state.pid,
        differs: found == Found::Differs,
        foreign: found == Found::Foreign,
    }
}

fn print(place: &Place, units: &[View], trouble: Option<String>) {
    let name = place.manager.kind.as_str();
    if let Some(trouble) = trouble {
        print::line(&format!("{name} does not answer: {trouble}"));
    }
    if units.is_empty() {
        print::line("no services are installed: `agentlab service install` does that");
        return;
    }
    let rows = units.iter().map(|unit| {
        let note = match (unit.foreign, unit.differs, unit.enabled) {
            _ if !unit.installed => "not installed: `agentlab service install` repairs it",
            (true, _, _) => "belongs to another home",
            (false, true, _) => "differs: `agentlab service install` renews it",
            (false, false, false) => "not enabled",
            (false, false, true) => "",
        };
        let pid = unit.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let last = unit.last_exit.clone().unwrap_or_default();
        vec![unit.id.clone(), unit.unit.clone(), unit.state.clone(), pid, last, note.to_owned()]
    });
    print::table(&["process", "unit", "state", "pid", "last end", "note"], rows.collect());
}
