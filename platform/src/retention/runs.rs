//! Directories of runs that go: set aside first under a name that nobody reads, then removed, so that none is ever half there.

use std::{fs, io};

use super::RetentionError;
use crate::{
    db::{Db, prune::Ended},
    files,
    home::Home,
    run_dir::RunDir,
};

/// So many are asked about at a time.
const ASKED: usize = 500;

/// Removes those of runs that ended before then, of tasks that have ended; the rows stay. How many those were.
pub(super) async fn remove_old(db: &Db, before: i64) -> Result<u64, RetentionError> {
    let runs = db.home().runs();
    let listed = tokio::task::spawn_blocking(move || {
        // What an earlier pass had set aside when it was cut off.
        files::tidy_halves(&runs);
        let names = fs::read_dir(runs)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok::<_, io::Error>(names.collect::<Vec<_>>())
    });
    let names = listed.await.map_err(io::Error::other)??;
    let mut removed = 0;
    for some in names.chunks(ASKED) {
        let old = db.runs_to_prune(some, before).await?;
        let home = db.home().clone();
        let gone = tokio::task::spawn_blocking(move || {
            old.iter().try_fold(0, |gone, id| Ok::<_, io::Error>(gone + u64::from(remove(&home, id)? == Some(true))))
        });
        removed += gone.await.map_err(io::Error::other)??;
    }
    Ok(removed)
}

/// Removes those of these tasks: the tasks of which none is left, and how many went. One that somebody still holds stays, and its task with
/// it.
pub(super) fn remove_of(home: &Home, tasks: Vec<Ended>) -> io::Result<(Vec<String>, u64)> {
    let (mut freed, mut removed) = (Vec::new(), 0);
    for task in tasks {
        let mut all = true;
        for run in &task.runs {
            match remove(home, run)? {
                Some(there) => removed += u64::from(there),
                None => all = false,
            }
        }
        if all {
            freed.push(task.id);
        }
    }
    Ok((freed, removed))
}

/// Removes the directory of a run: whether it was there; `None` where somebody holds it, or nobody can tell.
fn remove(home: &Home, id: &str) -> io::Result<Option<bool>> {
    let run = RunDir::of(home, id);
    if !run.path().is_dir() {
        return Ok(Some(false));
    }
    if run.lock_held().unwrap_or(true) {
        return Ok(None);
    }
    let aside = files::beside(run.path());
    fs::rename(run.path(), &aside)?;
    fs::remove_dir_all(&aside)?;
    Ok(Some(true))
}
