//! Failpoints for tests: places at which a process kills, stops or holds itself. They exist in test builds only.

use std::{
    path::{Path, PathBuf},
    sync::{OnceLock, atomic::Ordering},
    time::Duration,
};

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
/// For tests: `point:/a/file`. The loop at that point makes the file, once, and turns no more until it is gone; the rest of the
/// process goes on, and the pulse tells of it.
pub const FREEZE_AT: &str = "AGENTLAB_TEST_FREEZE_AT";

/// Where a loop freezes.
static FREEZE: OnceLock<(String, PathBuf)> = OnceLock::new();

/// Arms what these ask for. Failpoints exist in test builds only.
pub fn arm() {
    if !fail::has_failpoints() {
        return;
    }
    let arm = |name: &str, act: fn(&Path)| {
        let Some((point, marker)) = setting(name) else { return };
        let _ = fail::cfg_callback(point, move || {
            if is_first(&marker) {
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
    if let Some(freeze) = setting(FREEZE_AT) {
        let _ = FREEZE.set(freeze);
    }
}

/// Keeps this thread until the file is gone.
fn block(marker: &Path) {
    while marker.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A place at which a test may freeze the loop that comes by, and that loop alone.
pub async fn freeze(point: &str) {
    let Some((at, marker)) = FREEZE.get() else { return };
    if at == point && is_first(marker) {
        while marker.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn setting(name: &str) -> Option<(String, PathBuf)> {
    let setting = std::env::var(name).ok()?;
    let (point, marker) = setting.split_once(':')?;
    Some((point.to_owned(), marker.into()))
}

/// Whether nobody came by before; the file remembers.
fn is_first(marker: &Path) -> bool {
    let mut spent = marker.as_os_str().to_owned();
    spent.push(".spent");
    std::fs::OpenOptions::new().write(true).create_new(true).open(spent).is_ok()
        && std::fs::write(marker, std::process::id().to_string()).is_ok()
}
