//! Holders as Linux shows them: /proc/locks and /proc/PID/fd.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use super::Found;

/// Whether `pid` has this file (device, inode) open. An error when it cannot be told.
pub(super) fn has_open(pid: i32, file: (u64, u64), _: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // Looked at through the link, which opens nothing.
        match fs::metadata(entry?.path()) {
            Ok(open) if (open.dev(), open.ino()) == file => return Ok(true),
            Ok(_) => {}
            // Closed since the listing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Who holds the `flock` at `path`, which somebody holds; nobody when that is this process.
pub(super) fn holder_of_lock(path: &Path) -> io::Result<Found> {
    let file = fs::metadata(path)?;
    let locks = fs::read_to_string("/proc/locks")?;
    for pid in holders(&locks, file.ino()) {
        if pid == std::process::id().cast_signed() {
            return Ok(Found::Nobody);
        }
        // The list names no device that could be compared with a file's on every file system: an inode of that number may be
        // another file.
        match has_open(pid, (file.dev(), file.ino()), path) {
            Ok(true) => return Ok(Found::Pid(pid)),
            Ok(false) => {}
            Err(_) => return Ok(Found::Unseen),
        }
    }
    // Let go since, or by somebody who is not listed here.
    Ok(if crate::lock::is_held(path)? { Found::Unseen } else { Found::Nobody })
}

/// Who holds a `flock` on a file with this inode; who waits for one (`->`) is not meant.
fn holders(locks: &str, inode: u64) -> Vec<i32> {
    let holder = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        (words.next()? == "FLOCK").then_some(())?;
        let pid = words.nth(2)?.parse().ok()?;
        let of: u64 = words.next()?.rsplit(':').next()?.parse().ok()?;
        (of == inode && pid > 0).then_some(pid)
    };
    locks.lines().filter_map(holder).collect()
}

/// The name of the program.
pub(super) fn name(pid: i32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_lock_or_holds_another_one_is_no_holder() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:01:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 fe:01:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 14 fe:01:78 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 fe:01:77 0 EOF\n\
                     5: OFDLCK ADVISORY  READ -1 fe:01:77 0 EOF\n\
                     half a line";
        assert_eq!(holders(locks, 77), [12]);
        assert_eq!(holders("", 77), [0; 0]);
    }
}
