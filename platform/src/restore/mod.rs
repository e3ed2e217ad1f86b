//! Restoring by itself: whoever opens the database first, alone with it under the exclusive `db.lock` (rule L3), sees to it that it
//! is *sound* and lacks nothing. One that is damaged or gone is set aside, never deleted; the newest backup that can be begun
//! with takes its place, and what came after it is put back from the journal and from the run directories (`db::replay`).
//!
//! There is no half of it to clean up: everything is made ready beside, the old files go, the new one comes by one rename. Killed
//! anywhere, the next opener finds a database that is gone, damaged or whole, and does what follows from that.

mod condemned;
mod guard;
mod known;
mod mend;
mod place;
mod report;
mod rights;
mod source;
mod standing;
#[cfg(test)]
mod tests;
mod wal;
mod whose;

use std::time::Duration;

pub use condemned::{condemn, condemn_what_was_met, is_condemned, wish};
pub use guard::{guard, must_let_go};
pub use mend::{Depth, look};
pub use report::{Report, last};
pub use standing::{has_gap, may_have_gap};

use whose::Whose;

use crate::{
    backup::Backup,
    db::{Db, DbError},
    home::Home,
    lock::{Lock, Mode},
    notify,
};

/// Between two tries while others still have it open, or somebody else restores it.
const LOOK: Duration = Duration::from_millis(100);

/// The newest backup that is of this home and as it was made: every byte of it is read for that.
pub fn newest(home: &Home) -> Option<Backup> {
    let whose = Whose::of(home);
    whose::latest_first(home).into_iter().find(|backup| whose.unfit(home, backup).is_none())
}

/// Opens the database of this home; where nobody else has it open, it is put right first. Waits while somebody else does so.
pub async fn open(home: &Home, depth: Depth) -> Result<Db, DbError> {
    loop {
        match attempt(home, depth).await {
            Err(DbError::SetAside) => {
                // It may last longer than a start may take without a word.
                notify::starting();
                tokio::time::sleep(LOOK).await;
            }
            done => return done,
        }
    }
}

/// The same, without waiting: it is being restored, or is to be, and others still have it open.
pub async fn attempt(home: &Home, depth: Depth) -> Result<Db, DbError> {
    let path = home.lock("db");
    let failed = |error| DbError::File { path: path.clone(), error };
    let alone = Lock::try_take(&path, Mode::Exclusive).map_err(failed)?;
    let is_alone = alone.is_some();
    if is_alone {
        mend::mend(home, depth).await?;
    }
    drop(alone);
    if is_condemned(home) {
        return Err(DbError::SetAside);
    }
    match Db::open(home).await {
        // Whoever has it open lets go of it soon: they look whether it is in its place.
        Err(DbError::Gone { .. }) if !is_alone => Err(DbError::SetAside),
        Err(error) if error.is_damage() => {
            let Some(why) = look(home).await? else { return Err(error) };
            condemn(home, &why)?;
            Err(DbError::SetAside)
        }
        opened => opened,
    }
}
