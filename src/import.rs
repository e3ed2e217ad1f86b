//! `import`: what was exported elsewhere, into a home that has not worked yet. All of it or nothing is taken in; a backup follows.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use agentlab_domain::{backup::Reason, exit_code, report};
use agentlab_platform::{
    backup, calendar, clock, config,
    home::Home,
    moving::{self, Imported},
};

use crate::{failure::Failure, print, system};

/// Imports this file, or standard input.
pub async fn import(file: &Path, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    let mut from: Box<dyn BufRead + Send> = if file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let failed = |error| Failure::words(format!("{}: {error}", file.display()));
        Box::new(BufReader::new(File::open(file).map_err(failed)?))
    };
    if agentlab_supervisor::is_running(&home) {
        let home = home.path().display();
        return Err(Failure::words(format!(
            "agentlab runs in {home}: stop it (Ctrl-C, `agentlab service uninstall`) and import then"
        )));
    }
    let db = system::database(&home).await?;
    let imported = moving::import(&db, &mut *from).await?;
    if as_json {
        print::json(
            &serde_json::json!({ "export": imported.head, "beside": imported.beside, "unknown": imported.unknown,
                "commented": imported.commented }),
        )?;
    } else {
        let at = calendar::clock_time(imported.head.at, clock::now_ms());
        let tasks = report::tasks(imported.head.tasks());
        print::line(&format!("{tasks} of agentlab {} as of {at}", imported.head.release));
    }
    for note in notes(&imported) {
        print::note(&note);
    }
    // What is wrong with the configuration is said when something is started.
    let terms = config::load(&home).map(|config| config.backup).unwrap_or_default();
    if let Err(error) = backup::take(&db, &terms, Reason::ByHand).await {
        print::error(&format!("it is taken in, and no backup was made of it yet: {error}"));
    }
    Ok(exit_code::DONE)
}

/// What a person has to do, and to know.
fn notes(imported: &Imported) -> Vec<String> {
    let mut notes = Vec::new();
    for path in &imported.beside {
        notes.push(format!("another file of the same name is here already, so the exported one is {}", path.display()));
    }
    if !imported.head.left_out.is_empty() {
        let keys = imported.head.left_out.join(", ");
        notes.push(format!("secrets were not exported. Set these in config.toml or the environment first: {keys}"));
    }
    if !imported.commented.is_empty() {
        let sections: Vec<String> = imported.commented.iter().map(|name| format!("[{name}]")).collect();
        notes.push(format!(
            "{}: only comments in the exported config.toml, since nothing would start without their secrets; the file says how to use them again",
            sections.join(", ")
        ));
    }
    if !imported.unknown.is_empty() {
        let unknown = imported.unknown.join(", ");
        notes.push(format!("a later release exported it; this one does not know, and left out: {unknown}"));
    }
    notes.push("see that the other one is stopped, then `agentlab up`: it goes on with what had not ended".to_owned());
    notes
}
