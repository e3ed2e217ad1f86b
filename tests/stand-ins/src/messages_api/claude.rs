//! Finds the real Claude Code CLI and says how it is to be called against the stand-in.
//!
//! The *real CLI* is the program that the product starts in earnest; in tests only the service behind it is replaced.
//!
//! It neither installs nor starts it.

use std::path::{Path, PathBuf};

/// Names the CLI to test with.
const NAMED: &str = "AGENTLAB_TEST_CLAUDE";

/// Looks at `AGENTLAB_TEST_CLAUDE`, then for `claude` in `PATH`, then for the checkout's `node_modules/.bin/claude`.
///
/// # Errors
/// When there is none, saying how to install it; also when the variable names a file that does not exist.
pub fn find_claude() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(NAMED).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() { Ok(named) } else { Err(format!("{NAMED} is {}: no such file", named.display())) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // This crate stands two levels below the checkout.
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules/.bin");
    let found =
        std::env::split_paths(&path).chain([checkout]).map(|dir| dir.join("claude")).find(|file| file.is_file());
    found.ok_or_else(|| {
        format!(
            "the Claude Code CLI was not found: run `npm install` in the checkout, put `claude` in PATH, or set {NAMED}"
        )
    })
}

/// The CLI's environment: all its requests go to `url`, it keeps its sessions in `home`, and it asks nobody else.
pub(super) fn child_env(url: &str, home: &Path) -> Vec<(String, String)> {
    let home = home.display().to_string();
    [
        ("ANTHROPIC_BASE_URL", url),
        ("ANTHROPIC_API_KEY", "dummy"),
        ("HOME", home.as_str()),
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
