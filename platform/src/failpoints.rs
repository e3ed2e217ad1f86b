//! Failpoints for tests: places at which a process kills, stops or holds itself. They exist in test builds only.

use std::{sync::atomic::Ordering, time::Duration};

use nix::sys::signal::Signal;

use crate::pulse::HELD;

/// For tests: `point:/a/file`. The process kills itself at that failpoint, once (the file remembers).
pub const KILL_AT: &str = "AGENTLAB_TEST_KILL_AT";
/// The same, and it only stops itself (SIGSTOP).
pub const STOP_AT: &str = "AGENTLAB_TEST_STOP_AT";
/// For tests: `point:/a/file`. The process makes the file at that failpoint, once, and stays there until it is gone.
pub const PAUSE_AT: &str = "AGENTLAB_TEST_PAUSE_AT";
/// The same, and its pulse tells of it: a process whose runtime turns no more.
pub const BLOCK_AT: &str = "AGENTLAB_TEST_BLOCK_AT";

/// Arms what these ask for. Failpoints exist in test builds only.
pub fn arm() {
    if !fail::has_failpoints() {
        return;
    }
    let arm = |name: &str, act: fn(&std::path::Path)| {
        let Ok(setting) = std::env::var(name) else { return };
        let Some((point, marker)) = setting.split_once(':') else { return };
        let (marker, spent) = (std::path::PathBuf::from(marker), std::path::PathBuf::from(format!("{marker}.spent")));
        let _ = fail::cfg_callback(point, move || {
            if std::fs::OpenOptions::new().write(true).create_new(true).open(&spent).is_ok()
                && std::fs::write(&marker, std::process::id().to_string()).is_ok()
            {
                act(&marker);
            }
        });
    };
    arm(KILL_AT, |_| {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), Signal::SIGKILL);
    });
    arm(STOP_AT, |_| {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), Signal::SIGSTOP);
    });
    arm(PAUSE_AT, |marker| {
        HELD.store(true, Ordering::Relaxed);
        block(marker);
        HELD.store(false, Ordering::Relaxed);
    });
    arm(BLOCK_AT, block);
}

/// Keeps this thread until the file is gone.
fn block(marker: &std::path::Path) {
    while marker.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}
