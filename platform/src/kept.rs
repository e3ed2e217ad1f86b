//! Whether a service manager *keeps* this process: starts it again when it ends. The environment says so, but it is handed
//! down: a shell in a terminal that is itself a service has the same variables. So the process has to be the service's own.

/// The service manager that keeps this process, if one does.
pub fn by() -> Option<&'static str> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if cfg!(target_os = "macos") {
        launchd(variable("XPC_SERVICE_NAME").as_deref(), std::os::unix::process::parent_id())
    } else {
        systemd(variable("INVOCATION_ID").as_deref(), variable("SYSTEMD_EXEC_PID").as_deref(), std::process::id())
    }
}

/// systemd names the process that it started for a service (since version 248; older ones are taken for nobody).
fn systemd(invocation: Option<&str>, started: Option<&str>, own: u32) -> Option<&'static str> {
    let is_it = started.and_then(|pid| pid.parse().ok()) == Some(own);
    (invocation.is_some() && is_it).then_some("systemd")
}

/// launchd is the parent of what it keeps. In a terminal the name is "0" or that of an application.
fn launchd(service: Option<&str>, parent: u32) -> Option<&'static str> {
    let is_service = service.is_some_and(|name| name != "0" && !name.starts_with("application."));
    (is_service && parent == 1).then_some("launchd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_of_the_service_itself_is_kept() {
        assert_eq!(systemd(Some("abc"), Some("70"), 70), Some("systemd"));
        assert_eq!(systemd(Some("abc"), Some("69"), 70), None, "a shell in a terminal that is a service");
        for (invocation, started) in [(None, Some("70")), (Some("abc"), None), (Some("abc"), Some("x")), (None, None)] {
            assert_eq!(systemd(invocation, started, 70), None);
        }
        assert_eq!(launchd(Some("org.agentlab.supervisor"), 1), Some("launchd"));
        for (service, parent) in
            [(Some("org.agentlab.supervisor"), 500), (Some("0"), 1), (Some("application.com.x.1"), 1), (None, 1)]
        {
            assert_eq!(launchd(service, parent), None);
        }
    }
}
