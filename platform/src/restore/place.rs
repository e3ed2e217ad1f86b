//! Setting the old files aside, and putting the new one in their place.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{calendar, clock, files, home::Home};

/// The files of a database, in the order in which they are set aside: a WAL that stayed behind would be taken for that of the
/// next one.
const ENDS: [&str; 3] = ["-wal", "-shm", ""];

/// Something in the place of the WAL, or of its index, that is no file: `SQLite` opens nothing beside it.
pub(super) fn misplaced(home: &Home) -> Option<String> {
    let places = ENDS.iter().filter(|end| !end.is_empty()).map(|end| beside(&home.database(), end));
    let path = places.into_iter().find(|path| fs::metadata(path).is_ok_and(|found| !found.is_file()))?;
    Some(format!("something that is no file is in the place of {}", path.display()))
}

/// Moves the files of the database, as many as are there, to a folder of their own; nothing where none is.
pub(super) fn set_aside(home: &Home) -> io::Result<Option<PathBuf>> {
    let there: Vec<PathBuf> =
        ENDS.iter().map(|end| beside(&home.database(), end)).filter(|path| path.exists()).collect();
    if there.is_empty() {
        return Ok(None);
    }
    let folder = folder(home)?;
    for path in there {
        fs::rename(&path, folder.join(path.file_name().unwrap_or_default()))?;
    }
    files::sync_folder(&home.database())?;
    files::sync_folder(&folder.join("x"))?;
    Ok(Some(folder))
}

/// Puts a database that is closed, and has no WAL, in the place of ours.
pub(super) fn put(home: &Home, new: &Path) -> io::Result<()> {
    File::open(new)?.sync_all()?;
    fs::rename(new, home.database())?;
    files::sync_folder(&home.database())?;
    Ok(())
}

/// The path of a file that belongs to a database.
pub(super) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}

fn folder(home: &Home) -> io::Result<PathBuf> {
    let all = home.set_aside();
    if all.exists() && !all.is_dir() {
        return Err(io::Error::other("it is no folder, and what is damaged is to be kept in it: move it away"));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&all)?;
    let time = calendar::file_time(clock::now_ms());
    let mut folder = all.join(&time);
    for again in 2.. {
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder = all.join(format!("{time}-{again}")),
            made => return made.map(|()| folder),
        }
    }
    Ok(folder)
}
