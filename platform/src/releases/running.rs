//! What runs, as a release: so that there is something to return to, it is taken before another one is put in its place.

use super::{Release, ReleaseError, current, of_program, ran, read, take};
use crate::{
    home::Home,
    identity::Living,
    program,
    pulse::{self, Beat},
};
use agentlab_domain::role::{Post, Role};

/// The release that runs in this home, or that would: it is taken where it is kept by nobody yet.
pub fn running(home: &Home) -> Result<Release, ReleaseError> {
    let beat = pulse::read(home, Post { role: Role::Supervisor, slot: 0 });
    let beat = beat.filter(|beat| beat.identity.living() == Living::Yes);
    if let Some(release) = beat.as_ref().and_then(|beat| of_beat(home, beat)).or_else(|| match &beat {
        None => current(home),
        Some(_) => None,
    }) {
        return Ok(release);
    }
    let path = match &beat {
        Some(beat) => program::of(beat.identity.pid),
        None => program::own(),
    };
    let path = path.map_err(ReleaseError::at(home.path()))?;
    let release = take(home, &path, None)?.release;
    // It runs now, or ran until now: nobody waits for it to prove that.
    ran(home, &release.name)?;
    Ok(read(home, &release.name).unwrap_or(release))
}

fn of_beat(home: &Home, beat: &Beat) -> Option<Release> {
    let by_folder = program::of(beat.identity.pid).ok().and_then(|path| of_program(&path));
    by_folder.or_else(|| read(home, beat.commit.as_deref()?))
}
