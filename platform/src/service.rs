//! Whether a service manager *keeps* this process: started it itself, and starts it again when it ends with exit code 42. The
//! marks of one are inherited by everything that it starts (a terminal of the desktop is a service, too), so a mark that does
//! not name this very process proves nothing.

/// Whether systemd or launchd keeps this process.
pub fn keeps_us() -> bool {
    let value = |name: &str| std::env::var(name).ok();
    let parent = std::os::unix::process::parent_id();
    kept(value("INVOCATION_ID"), value("SYSTEMD_EXEC_PID"), value("XPC_SERVICE_NAME"), std::process::id(), parent)
}

fn kept(invocation: Option<String>, executed: Option<String>, label: Option<String>, own: u32, parent: u32) -> bool {
    // systemd 248 and newer say which process they started. An older one that does not is no harm: whoever is not kept
    // becomes its own successor, which a service manager does not even notice.
    let systemd = invocation.is_some() && executed.is_some_and(|pid| pid.parse() == Ok(own));
    let launchd = label.is_some_and(|label| label != "0") && parent == 1;
    systemd || launchd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_named_is_kept() {
        let some = |word: &str| Some(word.to_owned());
        assert!(kept(some("4fe1"), some("77"), None, 77, 900));
        // A shell in a terminal of the desktop, and what is started in it.
        assert!(!kept(some("4fe1"), some("77"), None, 78, 77));
        assert!(!kept(some("4fe1"), None, None, 77, 1));
        assert!(!kept(None, some("77"), None, 77, 1));
        assert!(kept(None, None, some("lab.agentlab"), 77, 1));
        assert!(!kept(None, None, some("com.apple.Terminal"), 77, 900));
        assert!(!kept(None, None, some("0"), 77, 1));
        assert!(!kept(None, None, None, 77, 1));
    }
}
