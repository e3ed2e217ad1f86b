//! How a post stands with a service manager, read from what its command prints. A *generation* is one start of a post: it tells the
//! end of the process that was just started from the end of an earlier one.

use agentlab_domain::fall::Ended;

/// What systemd is asked for.
pub(super) const PROPERTIES: [&str; 9] = [
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "MainPID",
    "ExecMainPID",
    "ExecMainCode",
    "ExecMainStatus",
    "InvocationID",
];

/// How a post stands.
#[expect(clippy::struct_excessive_bools, reason = "independent observations")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The manager knows the unit.
    pub loaded: bool,
    /// It is started with the session of its user.
    pub enabled: bool,
    /// Who is there.
    pub pid: Option<i32>,
    /// Which start this is, or was.
    pub generation: Option<String>,
    /// Who was there last, where that is told, and how that process ended.
    pub last_pid: Option<i32>,
    pub last: Option<Ended>,
    /// The manager waits for the time at which it starts it again.
    pub retries: bool,
    /// The manager is ending it.
    pub ends: bool,
    /// In the manager's words.
    pub words: String,
}

impl State {
    /// From what `systemctl show` prints.
    pub(super) fn of_systemd(text: &str) -> Self {
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.filter(|value| !value.is_empty())
        };
        let pid = |name: &str| value(name).and_then(|pid| pid.parse().ok()).filter(|pid: &i32| *pid != 0);
        let status: Option<i32> = value("ExecMainStatus").and_then(|status| status.parse().ok());
        // CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0 while it runs or never ran.
        let last = match (value("ExecMainCode"), status) {
            (Some("1"), Some(code)) => Some(Ended::Code(code)),
            (Some("2" | "3"), Some(signal)) => Some(Ended::Signal(signal)),
            (_, _) => None,
        };
        let (active, sub) = (value("ActiveState").unwrap_or("unknown"), value("SubState").unwrap_or("unknown"));
        Self {
            loaded: value("LoadState") == Some("loaded"),
            enabled: value("UnitFileState") == Some("enabled"),
            pid: pid("MainPID"),
            generation: value("InvocationID").map(str::to_owned),
            last_pid: pid("ExecMainPID"),
            last,
            retries: sub == "auto-restart",
            ends: active == "deactivating",
            words: format!("{active} ({sub})"),
        }
    }

    /// From what `launchctl print` prints. Its form is promised to nobody: what is not found is not known.
    pub(super) fn of_launchd(text: &str) -> Self {
        // The fields of the service itself are indented once; what is deeper belongs to its parts.
        let value = |name: &str| {
            let own = text.lines().filter_map(|line| line.strip_prefix('\t')).filter(|line| !line.starts_with('\t'));
            own.filter_map(|line| line.split_once(" = ")).find_map(|(key, value)| (key == name).then_some(value.trim()))
        };
        let number = |text: &str| text.split(':').next().and_then(|number| number.trim().parse::<i32>().ok());
        // "Killed: 9", and "78: EX_CONFIG".
        let signal = value("last terminating signal").and_then(|text| text.rsplit(':').next()?.trim().parse().ok());
        let code = value("last exit code").and_then(number);
        let state = value("state").unwrap_or("unknown").to_owned();
        Self {
            loaded: true,
            enabled: true,
            pid: value("pid").and_then(number),
            generation: value("runs").map(str::to_owned),
            last_pid: None,
            last: signal.map(Ended::Signal).or(code.map(Ended::Code)),
            // It can be asked to start at any time.
            retries: false,
            ends: false,
            words: state,
        }
    }

    /// The last end in words.
    pub fn last_words(&self) -> Option<String> {
        match self.last? {
            Ended::Code(code) => Some(format!("exit code {code}")),
            Ended::Signal(signal) => Some(format!("signal {signal}")),
            Ended::NobodyKnows => None,
        }
    }
}
