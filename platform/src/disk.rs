//! The disk that holds the home: how full it is, as `df` counts it, in room and in files; and whether an error is the disk's.

use std::{io, path::Path};

use agentlab_domain::room::{Files, Room};
use nix::{errno::Errno, sys::statvfs::statvfs};

/// Whether it is the disk that takes nothing now: broken, full, over quota or read only. Later it may.
pub fn is_at_fault(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EIO | Errno::ENOSPC | Errno::EDQUOT | Errno::EROFS))
}

/// Whether it has no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENOSPC | Errno::EDQUOT))
}

/// How much room there is for us; `None` where that cannot be told.
pub fn room(path: &Path) -> Option<Room> {
    let disk = statvfs(path).ok()?;
    let files = in_files(disk.files(), disk.files_free(), disk.files_available());
    Some(Room { files, ..in_bytes(disk.blocks(), disk.blocks_free(), disk.blocks_available(), disk.fragment_size()) })
}

/// Where none are counted (btrfs) they do not run out.
fn in_files(all: impl Into<u64>, free: impl Into<u64>, available: impl Into<u64>) -> Option<Files> {
    let (all, free, available): (u64, u64, u64) = (all.into(), free.into(), available.into());
    (all > 0).then(|| Files { free: available, all: all.saturating_sub(free) + available })
}

/// What only the system may use is not ours. The numbers have other widths elsewhere.
fn in_bytes(all: impl Into<u64>, free: impl Into<u64>, available: impl Into<u64>, block: impl Into<u64>) -> Room {
    let (all, free, available, block): (u64, u64, u64, u64) = (all.into(), free.into(), available.into(), block.into());
    let ours = all.saturating_sub(free) + available;
    Room { free: available.saturating_mul(block), all: ours.saturating_mul(block), files: None }
}

/// How full it is, in percent; `None` where that cannot be told.
pub fn percent_full(path: &Path) -> Option<u64> {
    let (room, files) = percents_full(path);
    room.max(files)
}

/// How full it is in room, and in files. Some file systems do not count files.
pub fn percents_full(path: &Path) -> (Option<u64>, Option<u64>) {
    let Ok(disk) = statvfs(path) else { return (None, None) };
    let room = percent(disk.blocks(), disk.blocks_free(), disk.blocks_available());
    (room, percent(disk.files(), disk.files_free(), disk.files_available()))
}

/// What is used of what may be used, rounded up. What only the system may use counts for neither.
fn percent(all: impl Into<u64>, free: impl Into<u64>, available: impl Into<u64>) -> Option<u64> {
    let (all, free, available): (u64, u64, u64) = (all.into(), free.into(), available.into());
    let used = all.saturating_sub(free);
    (all > 0 && used + available > 0).then(|| used.saturating_mul(100).div_ceil(used + available))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_with_the_disk_is_its_fault() {
        for number in [Errno::EIO, Errno::ENOSPC, Errno::EDQUOT, Errno::EROFS] {
            assert!(is_at_fault(&io::Error::from_raw_os_error(number as i32)), "{number}");
        }
        for number in [Errno::ENOENT, Errno::EACCES, Errno::EAGAIN, Errno::EMFILE] {
            assert!(!is_at_fault(&io::Error::from_raw_os_error(number as i32)), "{number}");
        }
        assert!(!is_at_fault(&io::Error::other("words")));
    }

    #[test]
    fn it_counts_as_df_does() {
        assert_eq!(percent(100_u32, 100_u32, 95_u32), Some(0));
        // 5 of 100 are for the system alone: 86 of 95 are used.
        assert_eq!(percent(100_u64, 14_u64, 9_u64), Some(91));
        assert_eq!(percent(100_u64, 5_u64, 0_u64), Some(100));
        assert_eq!(percent(0_u64, 0_u64, 0_u64), None);
        assert!(percent_full(Path::new("/")).is_some_and(|percent| percent <= 100));
        assert_eq!(percent_full(Path::new("/nowhere/at/all")), None);
        assert_eq!(in_bytes(100_u32, 14_u32, 9_u32, 512_u64), Room { free: 9 * 512, all: 95 * 512, files: None });
        assert_eq!(in_files(0_u64, 0_u64, 0_u64), None);
        assert_eq!(in_files(100_u32, 14_u32, 9_u32), Some(Files { free: 9, all: 95 }));
        assert!(room(Path::new("/")).is_some_and(|room| room.free <= room.all));
        assert_eq!(room(Path::new("/nowhere/at/all")), None);
    }
}
