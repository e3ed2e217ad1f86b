//! Which release a system starts from: *the last thing put in place wins*. Where a release is in place, that one; where somebody
//! has installed another executable since, that one, on trial. A home without releases starts from whatever was called.

use std::{ffi::OsString, fs};

use super::{CURRENT, ReleaseError, current, going_back, running::running, switch, take, trial, why_bad};
use crate::{clock, home::Home, lock, program, release};

/// Names the release that this program became, for those whose executable does not tell.
const BECAME: &str = "AGENTLAB_BECAME";

/// What follows for the program that was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It goes on.
    Stay,
    /// The release in place takes its place; with what a person should know.
    Become(Option<String>),
}

/// Decides it, and takes the executable as a release where it was installed last.
pub fn start(home: &Home) -> Result<Start, ReleaseError> {
    going_back::complete(home)?;
    let Some(in_place) = current(home) else { return Ok(Start::Stay) };
    let own = release::current().name;
    let became = std::env::var_os(BECAME).is_some_and(|name| name == OsString::from(&in_place.name));
    // Somebody runs the system: he says so himself.
    let runs = lock::is_held(&home.lock("up")).unwrap_or(true);
    if became || runs || own == Some(in_place.name.as_str()) {
        return Ok(Start::Stay);
    }
    if own.is_some() || !is_newer(home) {
        return Ok(Start::Become(None));
    }
    let taken = take(home, &program::own().map_err(ReleaseError::at(&home.releases()))?, None)?.release;
    if taken.name == in_place.name {
        return Ok(Start::Become(None));
    }
    if let Some(bad) = why_bad(home, &taken) {
        return Ok(Start::Become(Some(format!(
            "what is installed is release {}, which was left ({}); release {} runs instead. `agentlab update PATH --again` \
             tries it once more",
            taken.words(),
            bad.why,
            in_place.words()
        ))));
    }
    trial::begin(home, &taken, &in_place.name)?;
    switch(home, &taken.name)?;
    Ok(Start::Become(Some(format!(
        "release {} was installed: it is on trial, after {}",
        taken.words(),
        in_place.words()
    ))))
}

/// Sees to it that a release is in place, as services need one: in a home without releases what runs, or what was called. Returns
/// what a person should know.
pub fn put_in_place(home: &Home) -> Result<Option<String>, ReleaseError> {
    if current(home).is_none() {
        let release = running(home)?;
        return switch(home, &release.name).map(|()| None);
    }
    match start(home)? {
        Start::Stay => Ok(None),
        Start::Become(words) => Ok(words),
    }
}

/// Whether our executable was written after a release was put in place.
fn is_newer(home: &Home) -> bool {
    let link = fs::symlink_metadata(home.releases().join(CURRENT)).and_then(|link| link.modified());
    link.is_ok_and(|link| program::written_at().is_some_and(|written| written > clock::unix_ms(link)))
}

/// What whoever becomes the release in place is told in its environment.
pub(crate) fn becoming(home: &Home) -> Option<(&'static str, String)> {
    Some((BECAME, current(home)?.name))
}
