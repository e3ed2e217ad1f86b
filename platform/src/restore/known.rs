//! The *known* file: that which was found sound in the place of the database last. Somebody may have put another one there since, beside a
//! WAL that is not of it; such a one is looked at closely. It says nothing of what is in the file.

use std::{fs, path::PathBuf};

use crate::{
    db::{
        DbError,
        gone::{File, file},
    },
    files,
    home::Home,
};

/// Whether the file that is there is the known one.
pub(super) fn is_known(home: &Home) -> bool {
    file(home).is_some_and(|file| fs::read_to_string(path(home)).is_ok_and(|known| known == name(file)))
}

/// Notes that what is there was found sound.
pub(super) fn note(home: &Home) -> Result<(), DbError> {
    let Some(file) = file(home).filter(|_| !is_known(home)) else { return Ok(()) };
    let path = path(home);
    files::put(&path, name(file).as_bytes()).map_err(|error| DbError::File { path, error })
}

fn name((device, number): File) -> String {
    format!("{device}:{number}")
}

fn path(home: &Home) -> PathBuf {
    home.run().join("database")
}
