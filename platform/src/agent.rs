//! Which program works on a job. *Rehearsing* means that no agent does: agentlab itself speaks in its place, and says
//! so in every answer. It never stands in for an agent that was configured.

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::config::Config;

/// The agent of this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// A program that speaks Claude's stream-json.
    Claude(PathBuf),
    /// No agent: `agentlab rehearse`.
    Rehearse(PathBuf),
}

/// There is no agent, and rehearsing would deceive.
#[derive(Debug, thiserror::Error)]
pub enum AgentMissing {
    #[error(
        "agent.command {0:?} is not there or not executable: correct the path, or remove the key to use `claude` from PATH"
    )]
    Configured(PathBuf),
    #[error(
        "no `claude` was found on PATH: install it with `npm install -g @anthropic-ai/claude-code`, \
         or set agent.command to its path"
    )]
    Claude,
    #[error("agentlab cannot find its own executable: {0}")]
    Own(std::io::Error),
}

impl Agent {
    /// Finds the agent: the configured one, else `claude` on PATH, else (only without a Telegram token) a rehearsal.
    pub fn find(config: &Config) -> Result<Self, AgentMissing> {
        if let Some(command) = &config.agent.command {
            let found = if command.components().count() > 1 { executable(command) } else { on_path(command) };
            return found.map(Self::Claude).ok_or_else(|| AgentMissing::Configured(command.clone()));
        }
        if let Some(claude) = on_path(Path::new("claude")) {
            return Ok(Self::Claude(claude));
        }
        if config.telegram.token.is_some() {
            return Err(AgentMissing::Claude);
        }
        std::env::current_exe().map(Self::Rehearse).map_err(AgentMissing::Own)
    }

    /// Whether no agent works.
    pub fn is_rehearsal(&self) -> bool {
        match self {
            Self::Claude(_) => false,
            Self::Rehearse(_) => true,
        }
    }

    /// The program and its arguments for one run; the prompt goes to its standard input.
    ///
    /// The flags are those of Claude Code 2.1.197: `--session-id` names a new session and must never be used twice.
    pub fn command_line(&self, config: &Config, session: &str) -> Vec<OsString> {
        let (program, role) = match self {
            Self::Claude(program) => (program, None),
            Self::Rehearse(program) => (program, Some("rehearse")),
        };
        let mut line: Vec<OsString> = vec![program.into()];
        line.extend(role.map(OsString::from));
        line.extend(["-p", "--output-format", "stream-json", "--verbose", "--session-id"].map(OsString::from));
        line.push(session.into());
        line.extend(["--permission-mode".into(), OsString::from(&config.agent.permission_mode)]);
        if let Some(model) = &config.agent.model {
            line.extend(["--model".into(), OsString::from(model)]);
        }
        line.extend(config.agent.args.iter().map(OsString::from));
        line
    }
}

fn on_path(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find_map(|folder| executable(&folder.join(name)))
}

fn executable(path: &Path) -> Option<PathBuf> {
    let metadata = std::fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_agent_that_is_missing_is_never_rehearsed() {
        let mut config = Config::default();
        config.agent.command = Some("/nowhere/claude".into());
        assert!(matches!(Agent::find(&config), Err(AgentMissing::Configured(_))));
    }

    #[test]
    fn the_command_line_names_session_mode_and_model() {
        let mut config = Config::default();
        config.agent.model = Some("opus".into());
        config.agent.args = vec!["--max-turns".into(), "9".into()];
        let line = Agent::Claude("/bin/claude".into()).command_line(&config, "S");
        let line: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(
            line.join(" "),
            "/bin/claude -p --output-format stream-json --verbose --session-id S --permission-mode acceptEdits \
             --model opus --max-turns 9"
        );
    }
}
