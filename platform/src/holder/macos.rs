//! Holders as macOS shows them, through libproc. Type-checked on Linux; the behaviour was not seen there.

use std::{io, path::Path};

use agentlab_domain::hang::Standing;
use libproc::{
    bsd_info::BSDInfo,
    proc_pid::{self, pidinfo},
    processes::pids_by_path,
};

use super::Found;
use crate::identity::Identity;

/// Whether `pid` has the file at `path` open. An error when it cannot be told: the system passes over the processes of other
/// users, which is no answer.
pub(super) fn has_open(pid: i32, _: (u64, u64), path: &Path) -> io::Result<bool> {
    if openers(path)?.contains(&pid) {
        return Ok(true);
    }
    let own = nix::unistd::geteuid();
    let of = pidinfo::<BSDInfo>(pid, 0).map_err(io::Error::other)?.pbi_uid;
    if own.is_root() || own.as_raw() == of {
        Ok(false)
    } else {
        Err(io::Error::other(format!("process {pid} is another user's")))
    }
}

/// Who holds the `flock` at `path`, which somebody holds; nobody when that may be this process. The system does not tell who
/// of those that have it open holds it. A lone one does; of several, those that wait come and go within milliseconds, and
/// only one that stands still is taken for the holder.
pub(super) fn holder_of_lock(path: &Path) -> io::Result<Found> {
    let openers = openers(path)?;
    let own = std::process::id().cast_signed();
    Ok(match openers.as_slice() {
        [] => Found::Unseen,
        [pid] if *pid != own => Found::Pid(*pid),
        several => {
            let others = several.iter().copied().filter(|pid| *pid != own);
            others.into_iter().find(|pid| stands_still(*pid)).map_or(Found::Nobody, Found::Pid)
        }
    })
}

fn stands_still(pid: i32) -> bool {
    Identity::of(pid).is_ok_and(|process| process.is_some_and(|process| process.standing() == Standing::Stopped))
}

/// Those who have the file open, in the order of their PIDs, so that two looks find the same one.
fn openers(path: &Path) -> io::Result<Vec<i32>> {
    let mut pids: Vec<i32> =
        pids_by_path(path, false, true)?.into_iter().filter_map(|pid| i32::try_from(pid).ok()).collect();
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

/// The name of the program.
pub(super) fn name(pid: i32) -> Option<String> {
    proc_pid::name(pid).ok()
}
