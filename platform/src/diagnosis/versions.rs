//! Which versions stand behind a diagnosis: ours, that of the schema, the agent's, the system's; and what is known of releases.

use std::{fs, time::Duration};

use crate::{agent::Agent, clock, config::Config, db::migrate, home::Home, release, spawn};

/// How long the agent may take to say its version.
const ASKED: Duration = Duration::from_secs(5);
/// Letters of one file about releases.
const WIDTH: usize = 4000;

/// A line for each.
pub(super) async fn versions(config: Option<&Config>) -> String {
    let release = release::current();
    let schema = migrate::ours().iter().map(|migration| migration.version).max().unwrap_or_default();
    let agent = match config.map(Agent::find) {
        None => "not asked".to_owned(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(Agent::Rehearse(_))) => "none: tasks are rehearsed".to_owned(),
        Some(Ok(Agent::Claude(program))) => {
            let said = tokio::time::timeout(clock::scaled(ASKED), spawn::version(&program)).await;
            let said = said
                .map_or_else(|_| "does not answer".to_owned(), |said| said.unwrap_or_else(|error| error.to_string()));
            format!("{} ({})", program.display(), said.lines().next().unwrap_or_default())
        }
    };
    format!("{}\nschema {schema}\nagent {agent}\n{}", release.named(), system())
}

fn system() -> String {
    let kernel = nix::sys::utsname::uname().map(|name| {
        let words = [name.sysname(), name.release(), name.machine()];
        words.map(|word| word.to_string_lossy().into_owned()).join(" ")
    });
    let kernel = kernel.unwrap_or_else(|error| error.to_string());
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or(kernel.clone(), |name| format!("{kernel}, {}", name.trim_matches('"')))
}

/// What stands in the files about releases, where there are any.
pub(super) fn releases(home: &Home) -> Option<String> {
    let folder = home.path().join("releases");
    let entries = fs::read_dir(&folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<_> = entries.map(|path| if path.is_dir() { path.join("release.json") } else { path }).collect();
    files.sort();
    let text = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).ok().filter(|_| path.extension().is_some_and(|end| end == "json"))?;
        Some(format!(
            "{}: {}",
            path.strip_prefix(&folder).ok()?.display(),
            text.chars().take(WIDTH).collect::<String>()
        ))
    };
    let current = fs::read_link(folder.join("current")).map_or("none".into(), |link| link.display().to_string());
    let lines = std::iter::once(format!("current: {current}")).chain(files.iter().filter_map(text));
    Some(lines.collect::<Vec<_>>().join("\n"))
}
