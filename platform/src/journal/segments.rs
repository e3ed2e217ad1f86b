//! Segments: the journal is cut where a backup is made. `intake.jsonl` is the one that is written; what was cut off is
//! `journal/LAST.jsonl`, by the number of its last line. A segment is kept for as long as a backup is that may need it.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use fail::fail_point;

use super::Line;
use crate::{files, home::Home};

/// Begins a new segment; `seq` is the number of the last transaction of `db`. The caller holds the write ticket. The new one begins
/// with its head, so that one that is not there can be told from one in which nothing stands yet.
pub fn rotate(home: &Home, db: &str, seq: i64) -> io::Result<()> {
    begin(home, db, seq, None)
}

/// The same, behind a leap from this number.
pub(super) fn begin(home: &Home, db: &str, seq: i64, from: Option<i64>) -> io::Result<()> {
    let (path, folder) = (home.journal(), home.journal_segments());
    // Of one that was cut off; nobody else writes here in this turn.
    files::tidy_halves_of(home.path(), "intake.jsonl");
    let head = Line { head: true, from, db: db.to_owned(), seq, ..Line::default() }.seal()?;
    let is_there = match fs::read(&path) {
        Ok(there) if there == head => return Ok(()),
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    // Before anything is cut off: where there is no room for it the journal stays as it is.
    let new = files::ready(&path, &head)?;
    let cut = if is_there { cut_off(&path, &folder, from.unwrap_or(seq)) } else { Ok(()) };
    if cut.is_err() {
        let _ = fs::remove_file(&new);
    }
    cut?;
    files::place(&new, &path)
}

fn cut_off(path: &Path, folder: &Path, seq: i64) -> io::Result<()> {
    let failed =
        |error| io::Error::other(format!("{} is in the way, or may not be written ({error})", folder.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut segment = folder.join(format!("{seq:012}.jsonl"));
    // One that was cut here before held nothing new since; neither takes the place of the other.
    for again in 1.. {
        if !segment.exists() {
            break;
        }
        segment = folder.join(format!("{seq:012}.{again}.jsonl"));
    }
    fail_point!("journal-rotate");
    fs::rename(path, &segment)?;
    files::sync_folder(&segment)
}

/// Removes the segments that end at `seq` or before: every backup that is kept has what is in them.
pub fn forget(home: &Home, seq: i64) -> io::Result<()> {
    for (last, path) in segments(home)? {
        if last <= seq {
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// The number at which the newest segment was cut off.
pub(super) fn last(home: &Home) -> io::Result<Option<i64>> {
    Ok(segments(home)?.last().map(|(last, _)| *last))
}

/// Whether anything was ever promised here; what cannot be read may hold that.
pub fn exists(home: &Home) -> bool {
    let holds = |path: &Path| fs::metadata(path).is_ok_and(|found| found.len() > 0);
    all(home).map_or(true, |all| all.iter().any(|path| holds(path)))
}

/// Whether all of it can be read; which part cannot be, and why.
pub fn readable(home: &Home) -> Result<(), (PathBuf, io::Error)> {
    let all = all(home).map_err(|error| (home.journal_segments(), error))?;
    all.into_iter().try_for_each(|path| files::readable(&path).map_err(|error| (path, error)))
}

/// Every file of the journal, the oldest first.
pub(super) fn all(home: &Home) -> io::Result<Vec<PathBuf>> {
    let current = Some(home.journal()).filter(|path| path.exists());
    Ok(segments(home)?.into_iter().map(|(_, path)| path).chain(current).collect())
}

/// What was cut off, with the number of its last line, the oldest first.
fn segments(home: &Home) -> io::Result<Vec<(i64, PathBuf)>> {
    let entries = match fs::read_dir(home.journal_segments()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.filter_map(Result::ok),
    };
    let mut found: Vec<(i64, u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let mut parts = name.strip_suffix(".jsonl")?.split('.');
            let (last, again) = (parts.next()?.parse().ok()?, parts.next().map_or(Some(0), |part| part.parse().ok())?);
            Some((last, again, entry.path()))
        })
        .collect();
    found.sort();
    Ok(found.into_iter().map(|(last, _, path)| (last, path)).collect())
}
