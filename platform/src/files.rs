//! Files that are whole or not there: written beside their place, synced, renamed into it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};

/// Puts a file in its place.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    place(&ready(path, bytes)?, path)
}

/// Writes beside `path` what is to be put there; returns where it is.
pub(crate) fn ready(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let new = beside(path);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.map(|()| new)
}

/// Puts in its place what was made ready.
pub(crate) fn place(new: &Path, path: &Path) -> io::Result<()> {
    let placed = fs::rename(new, path);
    if placed.is_err() {
        let _ = fs::remove_file(new);
    }
    placed?;
    sync_folder(path)
}

/// What is said of a folder, a pipe or the like where a file belongs.
pub(crate) const NO_FILE: &str = "something that is no file is in its place: move it away";

/// Whether a file can be read, without reading it: whoever opens what is none may wait for ever.
pub(crate) fn readable(path: &Path) -> io::Result<()> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other(NO_FILE));
    }
    Ok(access(path, AccessFlags::R_OK)?)
}

/// Reads a file; what is none, and may never end, is an error.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    readable(path)?;
    fs::read(path)
}

/// Removes a file for good.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A name beside `path` that nobody else uses.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{NEW}{name}-{}", ulid::Ulid::generate()))
}

/// How the names begin of what is not in its place yet.
pub(crate) const NEW: &str = ".new-";

/// Whether a name in the home is that of the configuration or of instructions: what a copy of a home needs beside the database.
pub(crate) fn is_kept(name: &str) -> bool {
    name == "config.toml" || is_instructions(name)
}

fn is_instructions(name: &str) -> bool {
    name.starts_with("orchestrator")
        && Path::new(name).extension().is_some_and(|kind| kind == "md")
        && !name.contains('/')
}

/// The instructions in a home, by name.
pub(crate) fn instructions(home: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(home)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if is_instructions(&name.to_string_lossy()) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What happened in the folder of `path` survives a power cut.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let here = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
    path.parent().map_or(Ok(()), |folder| File::open(here(folder))?.sync_all())
}

/// What was cut off in a folder before it came to its place, or while it was taken away from it.
pub(crate) fn tidy_halves(folder: &Path) {
    tidy_halves_of(folder, "");
}

/// The same, of what was to have a name that begins like this.
pub(crate) fn tidy_halves_of(folder: &Path, name: &str) {
    let begins = format!("{NEW}{name}");
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let halves = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&begins));
    for half in halves.map(|entry| entry.path()) {
        let _ = if half.is_dir() { fs::remove_dir_all(&half) } else { fs::remove_file(&half) };
    }
}

/// Removes a folder and what is in it. Set aside first, so that what is cut off leaves no half of it under its name.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    let aside = beside(folder);
    fs::rename(folder, &aside)?;
    fs::remove_dir_all(&aside)
}
