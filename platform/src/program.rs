//! Which executable a process is started from. *Installed* is what stands at our path now, perhaps a newer release than the
//! one that runs; *own* is the release that runs here, also when its file was replaced or removed.

use std::{io, path::PathBuf, sync::OnceLock};

use crate::clock;

/// Where this program was started from.
static PATH: OnceLock<PathBuf> = OnceLock::new();

/// Remembers the path of this program. First of all in `main`: once the file is replaced, Linux gives it another name.
pub fn remember() {
    let _ = path();
}

/// What a daemon is started from: an upgrade that replaced the file takes effect with it. While no file is there (it is
/// just being replaced), our own release.
pub(crate) fn installed() -> io::Result<PathBuf> {
    let path = path()?;
    if path.exists() { Ok(path) } else { own() }
}

/// What keeps a run for us: worker, shim, gate and checks read one another's files, so they are of one release. Linux has a
/// name for it that holds whatever becomes of the file.
pub(crate) fn own() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { path() }
}

/// When the file at our path was written, Unix milliseconds.
pub(crate) fn written_at() -> Option<i64> {
    std::fs::metadata(path().ok()?).and_then(|file| file.modified()).ok().map(clock::unix_ms)
}

fn path() -> io::Result<PathBuf> {
    if let Some(path) = PATH.get() {
        return Ok(path.clone());
    }
    let path = std::env::current_exe()?;
    Ok(PATH.get_or_init(|| path).clone())
}
