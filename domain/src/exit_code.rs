//! The exit codes that a person, a script, launchd or systemd sees. *Refusal* means: starting again at once cannot help.

/// Done.
pub const DONE: u8 = 0;
/// Failed: the message says why.
pub const FAILED: u8 = 1;
/// The command line could not be understood.
pub const USAGE: u8 = 2;
/// A restart was asked for.
pub const RESTART: u8 = 42;
/// A part that is needed is unavailable (`EX_UNAVAILABLE`): the agent is not installed, a port is taken.
pub const UNAVAILABLE: u8 = 69;
/// Already running (`EX_TEMPFAIL`): another process holds this role.
pub const ALREADY_RUNNING: u8 = 75;
/// The configuration is wrong (`EX_CONFIG`).
pub const CONFIGURATION: u8 = 78;

/// Whether a process that ended with `code` refused to start, rather than crashed.
pub fn is_refusal(code: i32) -> bool {
    [UNAVAILABLE, ALREADY_RUNNING, CONFIGURATION].iter().any(|refusal| i32::from(*refusal) == code)
}
