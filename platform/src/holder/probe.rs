//! Asking for the owner of a record lock (`F_GETLK`), without opening the database and without taking anything.
//!
//! The trap: a process loses *all* its record locks on a file when it closes *any* descriptor of that file (POSIX). Where this
//! process has the database open, closing ours would silently drop `SQLite`'s own locks, and two could write at once. So a
//! descriptor that was opened here is never closed: one a file, as long as the process lives. Looking at a file by its
//! name (`stat`) opens nothing.

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};

use super::{Found, beside};

/// Bytes of the `-shm` file (walformat): who writes into the WAL, who rebuilds its index, who makes the file anew. The others
/// are the checkpoint (121), which keeps nobody from writing, and readers (123-127).
const WRITE: (i64, i64) = (120, 1);
const RECOVER: (i64, i64) = (122, 1);
const ANEW: (i64, i64) = (128, 1);
/// Bytes of the database itself (fileformat): who has it for himself, by `locking_mode=EXCLUSIVE`, by leaving WAL mode, or
/// by closing it as the last one. In WAL mode the others only share it.
const WHOLE: (i64, i64) = (0x4000_0000, 514);

// Small numbers; their types differ from system to system.
#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast)]
mod word {
    use nix::libc;

    pub(super) const SHARED: libc::c_short = libc::F_RDLCK as libc::c_short;
    pub(super) const NOBODY: libc::c_short = libc::F_UNLCK as libc::c_short;
    pub(super) const FROM_START: libc::c_short = libc::SEEK_SET as libc::c_short;
}
use word::{FROM_START, NOBODY, SHARED};

/// The descriptors, by device and inode: a file that was deleted and made anew is another one.
static KEPT: Mutex<Vec<((u64, u64), File)>> = Mutex::new(Vec::new());

/// Who can write into this database while others cannot.
pub(super) fn writer(database: &Path) -> io::Result<Found> {
    let shm = beside(database, "-shm");
    for (path, range) in [(database, WHOLE), (&shm, WRITE), (&shm, RECOVER), (&shm, ANEW)] {
        let found = owner(path, range)?;
        if found != Found::Nobody {
            return Ok(found);
        }
    }
    Ok(Found::Nobody)
}

/// Who has these bytes for himself. What this process holds it is not told.
fn owner(path: &Path, (start, length): (i64, i64)) -> io::Result<Found> {
    let id = match std::fs::metadata(path) {
        Ok(file) => (file.dev(), file.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nobody),
        Err(error) => return Err(error),
    };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = kept.iter().position(|(of, _)| *of == id);
    let index = if let Some(index) = known {
        index
    } else {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nobody),
            Err(error) => return Err(error),
        };
        // Kept before anything can fail; and under what was asked for: if the file was replaced in between, this one is
        // kept all the same, and the next look opens the new one.
        kept.push((id, file));
        kept.len() - 1
    };
    let Some((_, file)) = kept.get(index) else { return Ok(Found::Nobody) };
    // As one that others could share: in the way of it is only who holds alone.
    let mut asked = libc::flock { l_type: SHARED, l_whence: FROM_START, l_start: start, l_len: length, l_pid: 0 };
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    if asked.l_type == NOBODY {
        return Ok(Found::Nobody);
    }
    // 0: in another PID namespace; -1: a lock of an open file, which belongs to no process.
    Ok(if asked.l_pid > 0 { Found::Pid(asked.l_pid) } else { Found::Unseen })
}
