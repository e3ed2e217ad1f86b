//! Processes as Linux shows them, under /proc.

use std::{fs, io, sync::OnceLock};

use agentlab_domain::hang::Standing;
use procfs::FromRead;

/// The id of this boot.
pub(super) fn boot() -> io::Result<String> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot.clone());
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(BOOT.get_or_init(|| boot).clone())
}

/// The start time of `pid` in clock ticks since boot; `None` when it is gone or a zombie.
pub(super) fn start_time(pid: i32) -> io::Result<Option<i64>> {
    Ok(seen(pid)?.map(|(start, _)| start))
}

/// The start time of `pid`, and how it stands: stopped by a signal (one that a debugger holds, `t`, is not meant), blocked,
/// running; `None` when it is gone or a zombie.
pub(super) fn seen(pid: i32) -> io::Result<Option<(i64, Standing)>> {
    match stat(pid) {
        Ok(stat) if matches!(stat.state, 'Z' | 'X') => Ok(None),
        Ok(stat) => {
            let standing = match stat.state {
                'T' => Standing::Stopped,
                'D' => Standing::Blocked,
                _ => Standing::Running,
            };
            Ok(i64::try_from(stat.starttime).ok().map(|start| (start, standing)))
        }
        Err(procfs::ProcError::NotFound(_)) => Ok(None),
        Err(procfs::ProcError::Io(error, _)) if error.raw_os_error() == Some(nix::libc::ESRCH) => Ok(None),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Every process with its parent.
pub(super) fn parents() -> io::Result<Vec<(i32, i32)>> {
    // A process may end between the listing and the look: then it is no parent any more.
    Ok(pids()?.into_iter().filter_map(|pid| stat(pid).ok().map(|stat| (pid, stat.ppid))).collect())
}

/// Every process of ours whose environment has the variable `name`.
pub(super) fn carrying(name: &str) -> io::Result<Vec<i32>> {
    Ok(pids()?.into_iter().filter(|pid| carried(*pid, name).is_some()).collect())
}

/// What `name` is in the environment with which `pid` began.
pub(super) fn carried(pid: i32, name: &str) -> Option<String> {
    // An unreadable environment belongs to another user or to a process that just ended: neither is ours.
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn pids() -> io::Result<Vec<i32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Read in one go: `procfs::process::Process` would open the directory first and ask for its owner, once a second for each.
fn stat(pid: i32) -> procfs::ProcResult<procfs::process::Stat> {
    procfs::process::Stat::from_file(format!("/proc/{pid}/stat"))
}
