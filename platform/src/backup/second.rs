//! The second folder, where a copy of each backup goes. It may be on a disk that is not plugged in, or on a machine that does not answer:
//! it is touched by one thread of its own at a time, and nobody waits for that longer than is said here. *Uncopied* is a home whose
//! newest backup is not there; since when, and why, is noted. Nothing is restored from it by itself.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path, path::PathBuf, time::Duration};

use super::{Backup, Failure, RECORD, keep, note, read};
use crate::{
    clock,
    config::Backup as Terms,
    files,
    home::Home,
    lock::{Lock, Mode},
};

/// How long it may take to say what is in it.
const LOOK: Duration = Duration::from_secs(5);
/// How long a copy is waited for. One that takes longer goes on.
const COPY: Duration = Duration::from_mins(2);
/// Since when there is no copy, and why, in `backups/`; not there where there is one or none is wanted.
const UNCOPIED: &str = "uncopied.json";

/// Why it has no copy.
#[derive(Debug, thiserror::Error)]
enum NotCopied {
    #[error("there is no folder {0:?}. Is its disk mounted? Only a folder in it is made")]
    Gone(PathBuf),
    #[error("{path:?} does not answer: nothing came of it within {} s", limit.as_secs())]
    Late { path: PathBuf, limit: Duration },
    #[error("{0:?} does not answer: a look at it, or an earlier copy, is still under way")]
    Busy(PathBuf),
    #[error("{0:?} is within the home: it is lost with it. Set backup.copy_to to a folder on another disk")]
    Within(PathBuf),
    #[error("{0:?} is no folder: move it away, or set backup.copy_to to another one")]
    NoFolder(PathBuf),
    #[error("{path:?}: {error}. Is there room, and may agentlab write there?")]
    File { path: PathBuf, error: io::Error },
}

/// Since when backups have no copy in the second folder, and why.
pub fn uncopied(home: &Home) -> Option<Failure> {
    serde_json::from_slice(&fs::read(home.backups().join(UNCOPIED)).ok()?).ok()
}

/// No copies are wanted: that there is none is nothing to be told.
pub fn none_wanted(home: &Home) {
    note(&home.backups().join(UNCOPIED), None);
}

/// Whether a backup has a copy there; `None` where it does not say so in time.
pub async fn has_copy(home: &Home, second: &Path, backup: &Backup) -> Option<bool> {
    let copy = second.join(&backup.name).join(super::DATABASE);
    ask(home, second, LOOK, move || Ok(copy.is_file())).await.ok()
}

/// The highest number there; 0 where it does not say so in time.
pub(super) async fn newest(home: &Home, terms: &Terms) -> u64 {
    let Some(second) = &terms.copy_to else { return 0 };
    let within = second.clone();
    let asked = ask(home, second, LOOK, move || Ok(super::within(&within).first().map_or(0, |newest| newest.number)));
    asked.await.unwrap_or(0)
}

/// Copies a backup there, where that is wanted and as many are kept; returns in words why it did not.
pub async fn copied(home: &Home, backup: &Backup, terms: &Terms) -> Option<String> {
    let noted = home.backups().join(UNCOPIED);
    let Some(second) = &terms.copy_to else {
        none_wanted(home);
        return None;
    };
    let (folder, into, keep, there) = (home.backups().join(&backup.name), second.clone(), terms.keep, noted.clone());
    let within = home.path().to_owned();
    // Noted where it is done, which may be later than anybody waits for it.
    let copied = ask(home, second, COPY, move || {
        apart(&into, &within)?;
        copy(&folder, &into, keep).map(|()| note(&there, None))
    })
    .await;
    let why = copied.err()?.to_string();
    let since = uncopied(home).map_or_else(clock::now_ms, |before| before.at);
    note(&noted, Some(Failure { at: since, words: why.clone() }));
    Some(why)
}

/// What `work` says of the folder. A thread and not one of the runtime's, whose end would wait for a folder that hangs.
async fn ask<T: Send + 'static>(
    home: &Home,
    second: &Path,
    limit: Duration,
    work: impl FnOnce() -> Result<T, NotCopied> + Send + 'static,
) -> Result<T, NotCopied> {
    let (lock, path) = (home.lock("second"), second.to_owned());
    let (tell, told) = tokio::sync::oneshot::channel();
    let began = std::thread::Builder::new().name("second folder".into()).spawn(move || {
        // Held for as long as it hangs: another attempt would hang too.
        let done = match Lock::try_take(&lock, Mode::Exclusive) {
            Ok(Some(_turn)) => work(),
            Ok(None) => Err(NotCopied::Busy(path)),
            Err(error) => Err(NotCopied::File { path: lock, error }),
        };
        let _ = tell.send(done);
    });
    began.map_err(|error| NotCopied::File { path: second.to_owned(), error })?;
    let late = || NotCopied::Late { path: second.to_owned(), limit };
    tokio::time::timeout(clock::scaled(limit), told).await.map_err(|_| late())?.map_err(|_| late())?
}

/// Refuses what is lost together with the home, however it is called.
fn apart(second: &Path, home: &Path) -> Result<(), NotCopied> {
    let there = second.ancestors().find_map(|above| above.canonicalize().ok());
    let is_within = home.canonicalize().is_ok_and(|home| there.is_some_and(|there| there.starts_with(home)));
    if is_within { Err(NotCopied::Within(second.to_owned())) } else { Ok(()) }
}

fn copy(folder: &Path, second: &Path, keep: usize) -> Result<(), NotCopied> {
    let failed = |error| NotCopied::File { path: second.to_owned(), error };
    // Not what it stands in: where a disk is not mounted, all copies would go to that of the home.
    match fs::DirBuilder::new().mode(0o700).create(second) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(NotCopied::Gone(second.parent().unwrap_or(second).to_owned()));
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        Err(_) if !second.is_dir() => return Err(NotCopied::NoFolder(second.to_owned())),
        Ok(()) | Err(_) => {}
    }
    files::tidy_halves(second);
    let target = second.join(folder.file_name().unwrap_or_default());
    // Whole, since it has its name: whoever copied it could not say so any more.
    if target.is_dir() {
        return Ok(());
    }
    let half = files::beside(&target);
    let filled = fs::DirBuilder::new().mode(0o700).create(&half).and_then(|()| {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            // What says that it is one comes last.
            if path.is_file() && !path.ends_with(RECORD) {
                let to = half.join(path.file_name().unwrap_or_default());
                fs::copy(&path, &to)?;
                fs::File::open(&to)?.sync_all()?;
            }
        }
        files::put(&half.join(RECORD), &fs::read(folder.join(RECORD))?)?;
        fs::rename(&half, &target)?;
        files::sync_folder(&target)
    });
    if let Err(error) = filled {
        let _ = fs::remove_dir_all(&half);
        return Err(failed(error));
    }
    let copied = read(&target);
    debug_assert!(copied.is_some(), "a copy is a backup");
    // Of whom it is that it takes the place of: nobody else's goes.
    if let Some(copied) = copied {
        keep::within(second, keep, Some(&copied.db));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_hangs_is_left_and_only_one_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        fs::create_dir_all(home.run()).unwrap();
        let (answer, hangs) = std::sync::mpsc::channel::<()>();
        let moment = Duration::from_millis(50);
        let late = ask(&home, folder.path(), moment, move || Ok(hangs.recv().is_err())).await;
        assert!(matches!(late, Err(NotCopied::Late { .. })), "{late:?}");
        let busy = ask(&home, folder.path(), LOOK, || Ok(())).await;
        assert!(matches!(busy, Err(NotCopied::Busy(_))), "{busy:?}");
        drop(answer);
        while ask(&home, folder.path(), LOOK, || Ok(())).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
