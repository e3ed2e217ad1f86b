//! Processes as macOS shows them, through libproc and sysctl. Type-checked on Linux; the behaviour was not seen there.

use std::{io, process::Command, sync::OnceLock};

use agentlab_domain::hang::Standing;
use libproc::{
    bsd_info::BSDInfo,
    proc_pid::pidinfo,
    processes::{ProcFilter, pids_by_type},
};

/// `SZOMB` of sys/proc.h.
const ZOMBIE: u32 = 5;
/// `SSTOP` of sys/proc.h.
const STOPPED: u32 = 4;
/// `PROC_FLAG_TRACED` of sys/proc_info.h.
const TRACED: u32 = 0x2;

/// The time of this boot.
pub(super) fn boot() -> io::Result<String> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot.clone());
    }
    let output = Command::new("/usr/sbin/sysctl").args(["-n", "kern.bootsessionuuid"]).output()?;
    let boot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if boot.is_empty() {
        return Err(io::Error::other("kern.bootsessionuuid cannot be read"));
    }
    Ok(BOOT.get_or_init(|| boot).clone())
}

/// The start time of `pid` in microseconds since 1970; `None` when it is gone or a zombie.
pub(super) fn start_time(pid: i32) -> io::Result<Option<i64>> {
    Ok(seen(pid)?.map(|(start, _)| start))
}

/// The start time of `pid`, and how it stands: stopped by a signal (one that a debugger holds is not meant) or running;
/// `None` when it is gone or a zombie.
pub(super) fn seen(pid: i32) -> io::Result<Option<(i64, Standing)>> {
    match pidinfo::<BSDInfo>(pid, 0) {
        Ok(info) if info.pbi_status == ZOMBIE => Ok(None),
        Ok(info) => {
            let micros = info.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(info.pbi_start_tvusec);
            let stopped = info.pbi_status == STOPPED && info.pbi_flags & TRACED == 0;
            let standing = if stopped { Standing::Stopped } else { Standing::Running };
            Ok(i64::try_from(micros).ok().map(|start| (start, standing)))
        }
        Err(_) => match nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) {
            Err(nix::Error::ESRCH) => Ok(None),
            Ok(()) | Err(_) => Err(io::Error::other(format!("process {pid} cannot be looked at"))),
        },
    }
}

/// Every process with its parent.
pub(super) fn parents() -> io::Result<Vec<(i32, i32)>> {
    Ok(pids()?
        .into_iter()
        .filter_map(|pid| {
            let info = pidinfo::<BSDInfo>(pid, 0).ok()?;
            Some((pid, i32::try_from(info.pbi_ppid).ok()?))
        })
        .collect())
}

/// Every process of ours that may have the variable `name` in its environment: `ps -E` shows that of one's own processes,
/// behind the command line. `carried` tells for certain.
pub(super) fn carrying(name: &str) -> io::Result<Vec<i32>> {
    let output = Command::new("/bin/ps").args(["-x", "-E", "-ww", "-o", "pid=,command="]).output()?;
    if !output.status.success() {
        return Err(io::Error::other("ps cannot list the processes"));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| value(line, name).is_some())
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect())
}

/// What `name` is in the environment of `pid`. What somebody only wrote on a command line is not in it.
pub(super) fn carried(pid: i32, name: &str) -> Option<String> {
    let pid = pid.to_string();
    let look = |more: &[&str]| {
        let output = Command::new("/bin/ps").args(more).args(["-ww", "-o", "command=", "-p", &pid]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    };
    let (command, with_environment) = (look(&[])?, look(&["-E"])?);
    value(with_environment.strip_prefix(&command)?, name)
}

fn value(text: &str, name: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

fn pids() -> io::Result<Vec<i32>> {
    let pids = pids_by_type(ProcFilter::All)?;
    Ok(pids.into_iter().filter_map(|pid| i32::try_from(pid).ok()).collect())
}
