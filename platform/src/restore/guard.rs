//! Keeping watch while a process works: where a statement met what only damage explains, the database is looked at, and condemned if
//! that is so; where it is condemned, by whomever, this process lets go of it and starts again. Then it is restored by whoever opens it
//! first, on the ordinary road.

use std::time::Duration;

use nix::sys::signal::{Signal, raise};

use super::{condemn, is_condemned, look};
use crate::{
    clock,
    db::{Db, damage},
};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// After a suspicion that came to nothing the next one waits so long: a look reads every page.
const CALM: Duration = Duration::from_secs(30);

/// Keeps watch for as long as this process lives, and asks it to start again at most once. Must be called inside a runtime.
pub fn guard(db: &Db) {
    tokio::spawn(watch(db.clone()));
}

async fn watch(db: Db) {
    let mut calm_until = None;
    loop {
        tokio::time::sleep(clock::scaled(LOOK)).await;
        if is_condemned(db.home()) {
            break;
        }
        // Another file is in its place, or none: that is for the next start.
        if let Err(error) = db.is_in_place() {
            tracing::error!(%error, "I start again");
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
