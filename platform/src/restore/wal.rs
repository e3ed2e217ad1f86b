//! The WAL that is worked with: whether it was taken away, or *cut*: it ends before what stood in it, or its head is gone. `SQLite` goes on in
//! one that was taken away, and whoever comes later makes another; where one was cut, what is no longer there is read and written on.
//!
//! `SQLite` itself makes it shorter only where it begins anew, which gives it another head. One that is empty tells nothing; the next
//! transaction does. Nobody holds a lock on this file, so opening it lets go of none (see `holder::probe`).

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use super::place;
use crate::{db::WAL_KEPT, home::Home};

/// How a WAL begins; the last bit says in which byte order its sums are.
const MAGIC: u32 = 0x377f_0682;
/// Its head: the beginning, and what makes it another one each time.
const HEAD: usize = 32;
/// How often in a row it must be found: the second look sees what the first met on its way.
const TWICE: u32 = 2;

/// What was seen of it.
#[derive(Debug, Default)]
pub(super) struct Wal {
    /// Which file it is.
    file: Option<(u64, u64)>,
    /// Its head, and how long it was under it.
    known: Option<([u8; HEAD], u64)>,
    lost: u32,
}

impl Wal {
    /// Why it is not what it was, if that was found at two looks. While any of us has the database open its WAL stays where it is.
    pub(super) fn look(&mut self, home: &Home) -> Option<&'static str> {
        let path = place::beside(&home.database(), "-wal");
        let found = fs::metadata(&path).ok().map(|found| (found.dev(), found.ino()));
        if self.file.is_none() {
            self.file = found;
        }
        let why = if self.file != found {
            Some("its WAL was taken away while it was in use")
        } else if File::open(&path).and_then(|file| self.is_cut(&file)).unwrap_or(false) {
            Some("its WAL was cut while it was in use")
        } else {
            None
        };
        self.lost = if why.is_some() { self.lost + 1 } else { 0 };
        why.filter(|_| self.lost >= TWICE)
    }

    fn is_cut(&mut self, file: &File) -> io::Result<bool> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Ok(false);
        }
        if length < HEAD as u64 {
            return Ok(true);
        }
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0)?;
        let begins = head.first_chunk().map(|magic| u32::from_be_bytes(*magic) & !1);
        let known = self.known.filter(|(known, _)| *known == head).map_or(0, |(_, length)| length);
        // What is longer than what stays is given back a moment after it began anew.
        let is_shorter = length < known && length < WAL_KEPT;
        if begins != Some(MAGIC) || is_shorter {
            return Ok(true);
        }
        self.known = Some((head, length));
        Ok(false)
    }
}
