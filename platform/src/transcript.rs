//! Transcripts: the files in which the agent keeps its conversations, `projects/*/SESSION.jsonl` below its own directory
//! (seen with Claude Code 2.1.197). Only whether one is there is asked; what is in it is the agent's.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use crate::{agent::Agent, config::Config, home::Home};

/// The variable that moves the agent's directory.
pub(crate) const DIRECTORY: &str = "CLAUDE_CONFIG_DIR";

/// Whether the agent has a transcript of this session.
pub fn exists(agent: &Agent, config: &Config, home: &Home, session: &str) -> bool {
    let Some(directory) = directory(agent, config, home) else { return false };
    let Ok(projects) = std::fs::read_dir(directory.join("projects")) else { return false };
    let name = format!("{session}.jsonl");
    // In whichever folder: how the agent names it after its directory is its own affair.
    projects.filter_map(Result::ok).any(|project| project.path().join(&name).is_file())
}

/// Where an agent that runs in this very process would keep them: for rehearsals.
pub fn directory_of_this_process() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(DIRECTORY).or_else(|| set("HOME").map(|user| user.join(".claude")))
}

fn directory(agent: &Agent, config: &Config, home: &Home) -> Option<PathBuf> {
    let of_agent = |name: &str| {
        let own = config.agent.env.get(name).map(|value| value.expose_secret().into());
        own.or_else(|| std::env::var_os(name)).filter(|value: &std::ffi::OsString| !value.is_empty())
    };
    match agent {
        Agent::Rehearse(_) => Some(home.rehearsals()),
        Agent::Claude(_) => of_agent(DIRECTORY)
            .map(PathBuf::from)
            .or_else(|| of_agent("HOME").map(|user| PathBuf::from(user).join(".claude"))),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn a_transcript_is_found_where_the_agent_was_told_to_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let agent = Agent::Claude("/bin/claude".into());
        let mut config = Config::default();
        for (name, directory) in [("HOME", "u/.claude"), ("CLAUDE_CONFIG_DIR", "c")] {
            let value = folder.path().join(directory.split('/').next().unwrap());
            config.agent.env.insert(name.into(), SecretString::from(value.to_string_lossy().into_owned()));
            assert!(!exists(&agent, &config, &home, "S"), "{name}");
            let project = folder.path().join(directory).join("projects/-srv-shop");
            std::fs::create_dir_all(&project).unwrap();
            std::fs::write(project.join("S.jsonl"), "{}").unwrap();
            assert!(exists(&agent, &config, &home, "S"), "{name}");
        }
        assert!(!exists(&agent, &config, &home, "T"));
        assert!(!exists(&Agent::Rehearse("/bin/agentlab".into()), &config, &home, "S"), "a rehearsal's are elsewhere");
    }
}
