//! Resetting a post: what earlier processes left in `run/` is put back to its first state, so that the next one can begin.
//! A *stale* thing is one whose process is proved dead; only while the post's lock is held here is that so.
//!
//! What we do not know is moved aside and never deleted, and lock files are left alone (rule L1). The WAL is no business
//! of this file.

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use agentlab_domain::role::Post;

use crate::{
    home::Home,
    life,
    lock::{Lock, Mode},
    pulse, spawn,
};

/// Resets a post. Returns what was changed, in words for people: nothing, where all was well or where somebody lives.
pub fn reset(home: &Home, post: Post) -> io::Result<Vec<String>> {
    let mut changed = Vec::new();
    // First: without them the lock cannot be asked. They are what every process of ours needs, living ones too.
    repair_modes(home, &mut changed)?;
    let lock = home.post_lock(post);
    // Whoever lives may hold the file that stood there. Nobody can tell, so nobody begins beside him.
    life::locks_are_files(home, &[post]).map_err(io::Error::other)?;
    let Some(_nobody_lives_there) = Lock::take(&lock, Mode::Exclusive)? else { return Ok(changed) };
    reset_socket(&home.socket(&post.to_string()), &mut changed)?;
    reset_pulse(home, post, &mut changed)?;
    let errors = spawn::error_path(home, post);
    match at(&errors)? {
        // Its supervisor could not open it, so it was never started.
        Some(found) if !found.is_file() => move_aside(&errors, "is no file", &mut changed)?,
        None | Some(_) => {}
    }
    Ok(changed)
}

/// The folder and what stands in it has to be ours to read and to write.
fn repair_modes(home: &Home, changed: &mut Vec<String>) -> io::Result<()> {
    let folder = home.run();
    repair(&folder, 0o700, changed)?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|end| ["lock", "pulse", "json"].iter().any(|ours| end == *ours));
        if is_ours && fs::symlink_metadata(&path)?.is_file() {
            repair(&path, 0o600, changed)?;
        }
    }
    Ok(())
}

/// Adds what is missing of `needed`; takes nothing away.
fn repair(path: &Path, needed: u32, changed: &mut Vec<String>) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode & needed == needed {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | needed))?;
    changed.push(format!("{} had mode {mode:03o}, which kept us out; now {:03o}", path.display(), mode | needed));
    Ok(())
}

fn reset_socket(path: &Path, changed: &mut Vec<String>) -> io::Result<()> {
    let Some(found) = at(path)? else { return Ok(()) };
    if found.file_type().is_socket() {
        fs::remove_file(path)?;
        changed.push(format!("removed the socket {}, which a dead process had left", path.display()));
        return Ok(());
    }
    move_aside(path, "is no socket", changed)
}

fn reset_pulse(home: &Home, post: Post, changed: &mut Vec<String>) -> io::Result<()> {
    let path = home.pulse(post);
    match at(&path)? {
        // Nobody has a second name for a pulse; a link would let us write into somebody's file.
        Some(found) if !found.is_file() || found.nlink() > 1 => move_aside(&path, "is no file of its own", changed),
        Some(_) if pulse::read(home, post).is_none() => move_aside(&path, "cannot be read", changed),
        None | Some(_) => Ok(()),
    }
}

/// What stands there itself, where something does: a link is not followed.
fn at(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn move_aside(path: &Path, why: &str, changed: &mut Vec<String>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".aside-{}", ulid::Ulid::generate()));
    let aside = PathBuf::from(name);
    if at(&aside)?.is_some() {
        // Renamed over it would be deleted.
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there already", aside.display())));
    }
    fs::rename(path, &aside)?;
    changed.push(format!("{} {why}; it is now {}", path.display(), aside.display()));
    Ok(())
}
