//! Which executable a process is started from. *Installed* is what daemons are started from: the release in place, else what
//! stands at our path now, perhaps a newer one than the one that runs; *own* is the release that runs here, also when its file
//! was replaced or removed.

use std::{io, path::PathBuf, sync::OnceLock};

use crate::{clock, home::Home, releases};

/// Where this program was started from.
static PATH: OnceLock<PathBuf> = OnceLock::new();

/// Remembers the path of this program. First of all in `main`: once the file is replaced, Linux gives it another name.
pub fn remember() {
    let _ = path();
}

/// What a daemon is started from: an upgrade that replaced the file takes effect with it. While no file is there (it is
/// just being replaced), our own release.
pub(crate) fn installed(home: &Home) -> io::Result<PathBuf> {
    // By its own name, so that whoever looks at the processes sees which release each one is.
    if let Ok(current) = std::fs::canonicalize(releases::current_program(home)) {
        return Ok(current);
    }
    let path = path()?;
    if path.exists() { Ok(path) } else { own() }
}

/// What keeps a run for us: worker, shim, gate and checks read one another's files, so they are of one release. Linux has a
/// name for it that holds whatever becomes of the file.
pub(crate) fn own() -> io::Result<PathBuf> {
    // Not through a link that leads to another release by now.
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { canonical() }
}

/// The executable that a process runs, to be copied or read.
#[cfg(target_os = "linux")]
pub(crate) fn of(pid: i32) -> io::Result<PathBuf> {
    let link = PathBuf::from(format!("/proc/{pid}/exe"));
    // The file itself where it still stands there, so that its folder can be asked; else what Linux keeps of it.
    let path = std::fs::read_link(&link)?;
    Ok(if path.exists() { path } else { link })
}

/// The executable that a process runs, to be copied or read.
#[cfg(target_os = "macos")]
pub(crate) fn of(pid: i32) -> io::Result<PathBuf> {
    libproc::proc_pid::pidpath(pid).map(PathBuf::from).map_err(io::Error::other)
}

/// Every executable that runs and may be seen.
#[cfg(target_os = "linux")]
pub(crate) fn running() -> io::Result<Vec<PathBuf>> {
    let numbers = std::fs::read_dir("/proc")?.filter_map(Result::ok);
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // Other users' executables cannot be seen, and are none of this home's.
    Ok(pids.filter_map(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok()).collect())
}

/// Every executable that runs and may be seen.
#[cfg(target_os = "macos")]
pub(crate) fn running() -> io::Result<Vec<PathBuf>> {
    let pids = libproc::processes::pids_by_type(libproc::processes::ProcFilter::All)?;
    Ok(pids.into_iter().filter_map(|pid| of(pid.cast_signed()).ok()).collect())
}

/// When the file at our path was written, Unix milliseconds.
pub(crate) fn written_at() -> Option<i64> {
    std::fs::metadata(path().ok()?).and_then(|file| file.modified()).ok().map(clock::unix_ms)
}

/// Our path without links, as it was when this program began.
pub(crate) fn canonical() -> io::Result<PathBuf> {
    static CANONICAL: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = CANONICAL.get() {
        return Ok(path.clone());
    }
    let path = std::fs::canonicalize(path()?)?;
    Ok(CANONICAL.get_or_init(|| path).clone())
}

fn path() -> io::Result<PathBuf> {
    if let Some(path) = PATH.get() {
        return Ok(path.clone());
    }
    let path = std::env::current_exe()?;
    Ok(PATH.get_or_init(|| path).clone())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Whether two paths are the same file.
    fn is_same(one: &Path, other: &Path) -> bool {
        std::fs::canonicalize(one).is_ok_and(|one| std::fs::canonicalize(other).is_ok_and(|other| one == other))
    }

    #[test]
    fn a_process_is_found_to_run_its_executable() {
        let own = std::env::current_exe().unwrap();
        assert!(is_same(&of(std::process::id().cast_signed()).unwrap(), &own));
        assert!(running().unwrap().iter().any(|path| is_same(path, &own)));
    }

    #[test]
    fn a_home_without_releases_starts_from_what_runs_and_one_with_a_release_from_that() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        assert_eq!(installed(&home).unwrap(), std::env::current_exe().unwrap());
        let script = folder.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        let taken = releases::take(&home, &script, None).unwrap().release;
        assert_eq!(installed(&home).unwrap(), std::env::current_exe().unwrap(), "taken is not in place");
        releases::switch(&home, &taken.name).unwrap();
        let expected = std::fs::canonicalize(releases::program(&home, &taken.name)).unwrap();
        assert_eq!(installed(&home).unwrap(), expected);
    }
}
