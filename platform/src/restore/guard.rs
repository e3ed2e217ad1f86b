//! Keeping watch while a process works: where a statement met what only damage explains, the database is looked at, and condemned if
//! that is so; where it is condemned, by whomever, this process lets go of it and starts again. Then it is restored by whoever opens it
//! first, on the ordinary road.

use std::time::Duration;

use nix::sys::signal::{Signal, raise};

use super::{condemn, condemn_what_was_met, condemned::condemn_another, is_condemned, look, wal::Wal};
use crate::{
    clock,
    db::{Db, DbError, damage},
    home::Home,
};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// After a suspicion that came to nothing the next one waits so long: a look reads every page.
const CALM: Duration = Duration::from_secs(30);

/// Keeps watch for as long as this process lives, and asks it to start again at most once. Must be called inside a runtime.
pub fn guard(db: &Db) {
    // Known from now on: what is taken away before the first look would be noticed by nobody.
    let mut wal = Wal::default();
    wal.look(db.home());
    tokio::spawn(watch(db.clone(), wal));
}

/// Whether nobody is to go on with what this process has open, for one that failed at something: it is condemned, damaged (then it is
/// condemned now), or no longer in its place. Opening it again waits until it is restored.
pub async fn must_let_go(db: &Db) -> bool {
    is_condemned(db.home()) || is_another(db) || condemn_what_was_met(db.home()).await.is_some()
}

async fn watch(db: Db, mut wal: Wal) {
    let mut calm_until = None;
    loop {
        tokio::time::sleep(clock::scaled(LOOK)).await;
        if is_condemned(db.home()) || is_another(&db) || is_lost(&mut wal, db.home()) {
            break;
        }
        if calm_until.is_some_and(|until| clock::instant() < until) || !damage::was_met() {
            continue;
        }
        match look(db.home()).await {
            Ok(Some(why)) => {
                tracing::error!(why, "the database is damaged: it is restored as soon as everybody has let go of it");
                match condemn(db.home(), &why) {
                    Ok(()) => break,
                    Err(error) => tracing::error!(%error, "that cannot be noted; I look again"),
                }
            }
            Ok(None) => tracing::warn!("a statement met what looks like damage, and every page was found sound"),
            Err(error) => tracing::warn!(%error, "whether the database is damaged cannot be told now"),
        }
        calm_until = Some(clock::instant() + clock::scaled(CALM));
    }
    // As if somebody had asked for it: what runs goes on, and the leases are let go.
    if let Err(error) = raise(Signal::SIGUSR1) {
        tracing::error!(%error, "I cannot ask myself to start again");
    }
}

/// Whether another file is in its place, or none. One that somebody put there is not what all worked with.
fn is_another(db: &Db) -> bool {
    let Err(error) = db.is_in_place() else { return false };
    tracing::error!(%error, "I let go of it and start again");
    if matches!(error, DbError::Replaced { .. })
        && let Err(error) = condemn_another(db.home(), "another file was put in its place while it was in use")
    {
        tracing::error!(%error, "that another file is in its place cannot be noted");
    }
    true
}

/// Whether the WAL is not what it was: what it held is in the journal.
fn is_lost(wal: &mut Wal, home: &Home) -> bool {
    let Some(why) = wal.look(home) else { return false };
    tracing::error!(why, "what is missing is put back as soon as everybody has let go of it");
    if let Err(error) = condemn(home, why) {
        tracing::error!(%error, "that cannot be noted");
    }
    true
}
