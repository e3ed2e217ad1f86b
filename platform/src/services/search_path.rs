//! The PATH of services. Service managers give a bare one; so it is taken from the shell that installs, without what means
//! nothing there: folders that are relative or not there.

use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::config::Config;

/// What a service finds in any case, where it exists.
const STANDARD: [&str; 5] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// What agents need beside the agent itself.
const NEEDED: [&str; 2] = ["git", "node"];

/// A PATH, and what is not on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPath {
    pub path: String,
    /// Programs that agents need and that are not found on it.
    pub missing: Vec<String>,
}

/// The PATH for services, from that of a shell.
pub fn of_shell(config: &Config) -> SearchPath {
    from(&std::env::var_os("PATH").unwrap_or_default(), config)
}

/// What is not found on this PATH.
pub fn missing_on(path: &str, config: &Config) -> Vec<String> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let agent = config.agent.command.clone().unwrap_or_else(|| "claude".into());
    let needed = std::iter::once(agent).chain(NEEDED.map(PathBuf::from));
    needed.filter(|program| !is_found(program, &folders)).map(|program| program.display().to_string()).collect()
}

fn from(shell: &OsStr, config: &Config) -> SearchPath {
    // What the agent is started with stands beside it (nvm).
    let beside = config.agent.command.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in std::env::split_paths(shell).chain(beside).chain(STANDARD.map(PathBuf::from)) {
        let fits = folder.to_str().is_some_and(|text| !text.contains(|c: char| c.is_control() || c == ':'));
        if fits && folder.is_absolute() && folder.is_dir() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let path = folders.iter().filter_map(|folder| folder.to_str()).collect::<Vec<_>>().join(":");
    SearchPath { missing: missing_on(&path, config), path }
}

fn is_found(program: &Path, folders: &[PathBuf]) -> bool {
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.components().count() > 1 {
        return is_program(program);
    }
    folders.iter().any(|folder| is_program(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_that_mean_the_same_to_a_service_are_taken_and_what_is_not_found_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (bin, away) = (folder.path().join("my bin"), folder.path().join("away"));
        std::fs::create_dir(&bin).unwrap();
        let tool = |name: &str, mode: u32| {
            std::fs::write(bin.join(name), "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        tool("claude", 0o755);
        tool("node", 0o644);
        let shell = format!("relative:.::{}:{}:{}:/usr/bin", away.display(), bin.display(), bin.display());
        let found = from(OsStr::new(&shell), &Config::default());
        assert!(found.path.starts_with(&format!("{}:/usr/bin:", bin.display())), "{found:?}");
        assert!(!found.path.contains("away") && !found.path.contains("relative"), "{found:?}");
        assert!(!found.missing.contains(&"claude".to_owned()), "{found:?}");
        let mut config = Config::default();
        config.agent.command = Some(away.join("other"));
        let words = away.join("other").display().to_string();
        assert_eq!(missing_on(&bin.display().to_string(), &config), [words, "git".into(), "node".into()]);
    }
}
