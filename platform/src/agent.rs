//! Which program works on a job. *Rehearsing* means that no agent does: agentlab itself speaks in its place, and says
//! so in every answer. It never stands in for an agent that was configured.

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use agentlab_domain::session::Opened;

use crate::{config::Config, home::Home, program, transcript};

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
        program::own().map(Self::Rehearse).map_err(AgentMissing::Own)
    }

    /// Whether no agent works.
    pub fn is_rehearsal(&self) -> bool {
        match self {
            Self::Claude(_) => false,
            Self::Rehearse(_) => true,
        }
    }

    /// What it finds in its environment beside what every agent does.
    pub fn environment(&self, home: &Home) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Claude(_) => Vec::new(),
            // A rehearsal's conversations are none of the user's own.
            Self::Rehearse(_) => vec![(transcript::DIRECTORY, home.rehearsals().into())],
        }
    }

    /// The program and its arguments for one run; the prompt goes to its standard input.
    ///
    /// The flags are those of Claude Code 2.1.197.
    pub fn command_line(&self, config: &Config, opening: &Opening<'_>) -> Vec<OsString> {
        let (program, role) = match self {
            Self::Claude(program) => (program, None),
            Self::Rehearse(program) => (program, Some("rehearse")),
        };
        let mut line: Vec<OsString> = vec![program.into()];
        line.extend(role.map(OsString::from));
        line.extend(["-p", "--output-format", "stream-json", "--verbose"].map(OsString::from));
        match opening.opened {
            Opened::New => line.extend(["--session-id", opening.session].map(OsString::from)),
            Opened::Resumed => line.extend(["--resume", opening.session].map(OsString::from)),
            Opened::Forked => {
                let from = opening.forked_from.unwrap_or_default();
                line.extend(["--resume", from, "--fork-session", "--session-id", opening.session].map(OsString::from));
            }
        }
        line.extend(["--permission-mode".into(), OsString::from(&config.agent.permission_mode)]);
        // Every time: a resumed conversation may have begun with another one.
        if let Some(model) = &config.agent.model {
            line.extend(["--model".into(), OsString::from(model)]);
        }
        if let Some(file) = opening.instructions {
            line.extend(["--append-system-prompt-file".into(), file.into()]);
        }
        if let Some(micro) = opening.reserved {
            line.extend(["--max-budget-usd".into(), usd(micro).into()]);
        }
        line.extend(config.agent.args.iter().map(OsString::from));
        line
    }
}

/// What a run is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    pub session: &'a str,
    pub opened: Opened,
    pub forked_from: Option<&'a str>,
    /// The file of its instructions.
    pub instructions: Option<&'a Path>,
    /// What it may spend, millionths of a US dollar.
    pub reserved: Option<i64>,
}

/// Millionths of a dollar as the CLI takes them.
fn usd(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
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
    fn the_command_line_names_session_mode_model_instructions_and_budget() {
        let mut config = Config::default();
        config.agent.model = Some("opus".into());
        config.agent.args = vec!["--max-turns".into(), "9".into()];
        let line = |opened, reserved| {
            let instructions = Some(Path::new("/r/instructions.md"));
            let opening = Opening { session: "S", opened, forked_from: Some("O"), instructions, reserved };
            let line = Agent::Claude("/bin/claude".into()).command_line(&config, &opening);
            line.iter().filter_map(|word| word.to_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line(Opened::New, Some(1_250_000)),
            "/bin/claude -p --output-format stream-json --verbose --session-id S --permission-mode acceptEdits \
             --model opus --append-system-prompt-file /r/instructions.md --max-budget-usd 1.250000 --max-turns 9"
        );
        assert!(line(Opened::Resumed, None).contains(" --resume S --permission"));
        assert!(line(Opened::Forked, None).contains(" --resume O --fork-session --session-id S "));
        assert!(!line(Opened::New, None).contains("budget"));
    }
}
