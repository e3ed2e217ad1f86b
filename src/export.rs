//! `export`: everything that another machine needs to go on, as of one moment. What a person has to know goes to standard error, since
//! standard output may be the export.

use std::path::{Path, PathBuf};

use agentlab_domain::{exit_code, report};
use agentlab_platform::moving::{self, Exported};

use crate::{failure::Failure, print, system};

/// Exports to this file, or to standard output.
pub async fn export(file: Option<PathBuf>, as_json: bool) -> Result<u8, Failure> {
    let system = system::open().await?;
    let file = file.filter(|file| file != Path::new("-"));
    let exported = match &file {
        Some(path) => moving::export_to(&system.db, &system.config, path).await?,
        None => moving::export(&system.db, &system.config, &mut std::io::stdout()).await?,
    };
    if as_json && file.is_some() {
        print::json(&exported.head)?;
    }
    let to = file.as_deref().map_or("standard output".into(), Path::to_string_lossy);
    let rows: i64 = exported.head.rows.values().sum();
    print::note(&format!("{}, {rows} rows in all, written to {to}", report::tasks(exported.head.tasks())));
    for note in notes(&exported, agentlab_supervisor::is_running(&system.home), system.config.telegram.token.is_some())
    {
        print::note(&note);
    }
    Ok(exit_code::DONE)
}

/// What a person has to do so that nothing is done twice and nothing is missing.
fn notes(exported: &Exported, runs: bool, with_bot: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if runs {
        notes.push(
            "agentlab runs here: what it does from now on is not in the export. Stop it and export again before the other one starts, or \
             both do the same tasks"
                .to_owned(),
        );
    }
    if with_bot {
        notes.push("do not start both again: two systems with one bot token take each other's messages".to_owned());
    }
    if !exported.head.left_out.is_empty() {
        let keys = exported.head.left_out.join(", ");
        notes.push(format!("no secret is exported. Set these there, in config.toml or the environment: {keys}"));
    }
    if exported.no_config {
        notes.push(
            "config.toml is not exported: a secret stands in it where none belongs, or it cannot be read. Write one there".to_owned(),
        );
    }
    notes
}
