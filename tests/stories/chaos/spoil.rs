//! Spoiling: the database is damaged, or taken away, while all work with it. What was promised is restored, which the account shows.

use std::{fs, os::unix::fs::FileExt, path::Path};

use crate::world::World;

const FILES: [&str; 3] = ["agentlab.db", "agentlab.db-wal", "agentlab.db-shm"];
const PAGE: usize = 4096;

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoil {
    /// All but its first page is overwritten in place, with all of the WAL but its head.
    Overwrite,
    TakeAway,
    /// Of its files the WAL alone.
    TakeAwayWal,
}

impl Spoil {
    pub(super) const ALL: [Self; 3] = [Self::Overwrite, Self::TakeAway, Self::TakeAwayWal];

    /// Does so; what is not there, since it is being restored, stays as it is.
    pub(super) fn cause(self, world: &World, away: &str) {
        let home = world.home();
        let names = match self {
            Self::Overwrite => {
                overwrite(&home.join(FILES[0]), PAGE);
                overwrite(&home.join(FILES[1]), 32);
                return;
            }
            Self::TakeAway => &FILES[..],
            Self::TakeAwayWal => &FILES[1..2],
        };
        fs::create_dir_all(world.path(away)).unwrap();
        for name in names {
            let _ = fs::rename(home.join(name), world.path(away).join(name));
        }
    }
}

fn overwrite(path: &Path, from: usize) {
    let Ok(file) = fs::File::options().write(true).open(path) else { return };
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    file.write_all_at(&vec![0xA5; length.saturating_sub(from)], from as u64).unwrap();
}
