//! Locks. A *lock* is an exclusive `flock` on a file: it is gone the moment the last descriptor of its holder is, so a
//! free lock proves a death. Lock files are never unlinked, and after locking the inode is compared (rule L1), so that
//! two processes can never hold "the same" lock on two files.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// A lock that is held until this value, and every descriptor shared from it, goes away. (std's lock, not nix's: that one
/// unlocks when it is dropped, which would free the lock under a child that was given the descriptor.)
#[derive(Debug)]
pub struct Lock(File);

/// How a lock is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Alone.
    Exclusive,
    /// Together with others who share.
    Shared,
}

impl Lock {
    /// Takes the lock if it is free; `None` while another process holds it.
    pub fn try_take(path: &Path, mode: Mode) -> io::Result<Option<Self>> {
        let file = open(path)?;
        let locked = match mode {
            Mode::Exclusive => file.try_lock(),
            Mode::Shared => file.try_lock_shared(),
        };
        match locked {
            // A file that was replaced between open and lock: what we hold is not what others will find.
            Ok(()) => Ok(is_still_at(&file, path)?.then_some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock, and takes "held" for an answer only after most of a second: whoever looks whether a lock is held
    /// (`is_held`), or lets go of what a dead worker held, holds it for a moment. Blocks the thread for that long.
    pub fn take(path: &Path, mode: Mode) -> io::Result<Option<Self>> {
        for _ in 0..70 {
            if let Some(lock) = Self::try_take(path, mode)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self::try_take(path, mode)
    }

    /// Waits for the lock. Blocks the thread.
    pub fn wait(path: &Path) -> io::Result<Self> {
        loop {
            let file = open(path)?;
            file.lock()?;
            if is_still_at(&file, path)? {
                return Ok(Self(file));
            }
        }
    }

    /// Keeps the lock through `exec`: whatever this process becomes goes on holding it.
    pub fn keep_through_exec(self) -> io::Result<()> {
        nix::fcntl::fcntl(&self.0, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
        std::mem::forget(self);
        Ok(())
    }

    /// A second descriptor of the same lock, to be handed to a child: the lock is free only when both are gone.
    pub fn share(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// Whether somebody holds the lock. A file that is not there is held by nobody.
pub fn is_held(path: &Path) -> io::Result<bool> {
    cannot_take(path, Mode::Exclusive)
}

/// Whether somebody holds the lock alone. Several who ask this at the same moment do not take one another for one who does.
pub fn is_held_alone(path: &Path) -> io::Result<bool> {
    cannot_take(path, Mode::Shared)
}

fn cannot_take(path: &Path, mode: Mode) -> io::Result<bool> {
    // A folder that may not be looked into is no proof that nobody is there.
    if !path.try_exists()? {
        return Ok(false);
    }
    Ok(Lock::try_take(path, mode)?.is_none())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // std opens with O_CLOEXEC: a child that kept a lock's descriptor would keep the lock alive (rule R2).
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).or_else(|error| {
        // A lock of ours that lost its mode could be asked by nobody, so nobody could ever be started.
        let repaired = error.kind() == io::ErrorKind::PermissionDenied
            && std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).is_ok();
        if repaired { options.open(path) } else { Err(error) }
    })
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok(held.ino() == found.ino() && held.dev() == found.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_its_last_descriptor_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        assert!(!is_held(&path).unwrap());
        let lock = Lock::try_take(&path, Mode::Exclusive).unwrap().unwrap();
        assert!(Lock::try_take(&path, Mode::Shared).unwrap().is_none());
        let shared = lock.share().unwrap();
        drop(lock);
        assert!(is_held(&path).unwrap(), "the second descriptor keeps it");
        drop(shared);
        assert!(!is_held(&path).unwrap());
    }

    #[test]
    fn whoever_only_asks_is_not_taken_for_a_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        assert!(!is_held_alone(&path).unwrap());
        let asks = Lock::try_take(&path, Mode::Shared).unwrap().unwrap();
        assert!(!is_held_alone(&path).unwrap() && is_held(&path).unwrap());
        drop(asks);
        let _holds = Lock::try_take(&path, Mode::Exclusive).unwrap().unwrap();
        assert!(is_held_alone(&path).unwrap());
    }

    #[test]
    fn l1_whoever_waited_on_a_file_that_was_replaced_gets_the_lock_that_others_find() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let old = Lock::try_take(&path, Mode::Exclusive).unwrap().unwrap();
        let inode = old.0.metadata().unwrap().ino();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Lock::wait(&path).unwrap()
        });
        wait_until_somebody_waits_for(inode);
        // What no program of ours does.
        let other = folder.path().join("y.lock");
        std::fs::write(&other, "").unwrap();
        std::fs::rename(&other, &path).unwrap();
        let new = Lock::try_take(&path, Mode::Exclusive).unwrap().unwrap();
        // The waiter gets the old file's lock now, and must not believe that it is the one.
        drop(old);
        wait_until_somebody_waits_for(new.0.metadata().unwrap().ino());
        assert!(!waiting.is_finished(), "two hold the same lock");
        drop(new);
        let held = waiting.join().unwrap();
        assert!(is_still_at(&held.0, &path).unwrap() && is_held(&path).unwrap());
    }

    #[test]
    fn l1_a_lock_on_a_file_that_is_no_longer_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let lock = Lock::try_take(&path, Mode::Exclusive).unwrap().unwrap();
        assert!(is_still_at(&lock.0, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_still_at(&lock.0, &path).unwrap());
        std::fs::write(&path, "").unwrap();
        assert!(!is_still_at(&lock.0, &path).unwrap(), "the same name is not the same file");
    }

    /// Linux tells who waits for which file. Where nobody tells, the test goes on and is right all the same, but may
    /// have come before the waiter.
    fn wait_until_somebody_waits_for(inode: u64) {
        let waits = || {
            let locks = std::fs::read_to_string("/proc/locks").ok()?;
            Some(locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&format!(":{inode} "))))
        };
        let started = std::time::Instant::now();
        while waits() == Some(false) && started.elapsed() < std::time::Duration::from_secs(5) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_lock_that_lost_its_mode_is_repaired_and_stays_the_same_file() {
        if nix::unistd::geteuid().is_root() {
            eprintln!("skipped: no mode keeps root out");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let lock = Lock::try_take(&path, Mode::Exclusive).unwrap().unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        assert!(is_held(&path).unwrap());
        drop(lock);
        assert!(!is_held(&path).unwrap());
    }

    #[test]
    fn readers_share_and_keep_a_writer_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = Lock::try_take(&path, Mode::Shared).unwrap();
        let second = Lock::try_take(&path, Mode::Shared).unwrap();
        assert!(first.is_some() && second.is_some());
        assert!(Lock::try_take(&path, Mode::Exclusive).unwrap().is_none());
    }
}
