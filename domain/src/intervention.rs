//! Interventions: what a person asks of the supervisor, a restart or a recovery. An *intervention* is a row, written before
//! anything is done about it, so that a supervisor that ends in the middle changes nothing: the next one reads what is to be
//! done. It *replaces* the processes that live when it begins, by name; so it is over once, and never done again.
//!
//! A row is read by a process that was not there when it was written, so it is validated. One that makes no sense is
//! *corrupt*: it is dropped, and never acted on. How processes are ended and started is not decided here.

use crate::role::{Post, Role};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// End in one's own way, and be started again.
    Restart,
    /// The same by force where that is needed, and put back to its first state in between.
    Recover,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Restart, Self::Recover];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Recover => "recover",
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was done about it yet.
    Asked,
    /// It is known which processes it replaces; they may have been told.
    Begun,
    /// Others are ready in their place.
    Finished,
    /// It was not done, or nobody knows what became of it.
    Dropped,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Asked, Self::Begun, Self::Finished, Self::Dropped];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Begun => "begun",
            Self::Finished => "finished",
            Self::Dropped => "dropped",
        }
    }

    /// The state of a word, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// The list of names as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// None was stored yet.
    Missing,
    /// It cannot be read.
    Unreadable,
    Read(Vec<String>),
}

/// An intervention as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub kind: String,
    pub role: Option<String>,
    pub state: String,
    /// Unix milliseconds.
    pub asked_at: i64,
    pub replaces: Names,
}

/// An open intervention that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervention {
    pub kind: Kind,
    /// `None`: the whole system.
    pub role: Option<Role>,
    /// Unix milliseconds.
    pub asked_at: i64,
    /// The processes that it replaces, once it has begun.
    pub replaces: Option<Vec<String>>,
}

/// Why a row is not acted on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    #[error("nothing is called {0:?}")]
    Kind(String),
    #[error("{0:?} is no state of one that is open")]
    State(String),
    #[error("there is no role {0:?}")]
    Role(String),
    #[error("it does not say which role is to be recovered")]
    NoRole,
    #[error("its time {0} counts seconds, and should count milliseconds")]
    Seconds(i64),
    #[error("its time {0} lies in the future")]
    Future(i64),
    #[error("its time {0} lies more than a day back")]
    Old(i64),
    #[error("it has begun, and what it replaces cannot be read")]
    NoNames,
    #[error("{0:?} is the name of no process that it could replace")]
    Name(String),
}

const DAY_MS: i64 = 24 * 3_600_000;
/// How far a clock may have been set back since it was asked for.
const AHEAD_MS: i64 = 60_000;
/// What these numbers count, if they are times of this century, is seconds.
const SECONDS: std::ops::Range<i64> = 100_000_000..100_000_000_000;

/// Reads a row at the time `now`.
pub fn validate(record: Record, now: i64) -> Result<Intervention, Corrupt> {
    let Record { kind, role, state, asked_at, replaces } = record;
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(Corrupt::Kind(kind))?;
    let role = role.map(|word| Role::parse(&word).ok_or(Corrupt::Role(word))).transpose()?;
    match kind {
        Kind::Recover if role.is_none() => return Err(Corrupt::NoRole),
        Kind::Recover | Kind::Restart => {}
    }
    if SECONDS.contains(&asked_at) {
        return Err(Corrupt::Seconds(asked_at));
    }
    if asked_at > now.saturating_add(AHEAD_MS) {
        return Err(Corrupt::Future(asked_at));
    }
    if asked_at < now.saturating_sub(DAY_MS) {
        return Err(Corrupt::Old(asked_at));
    }
    let replaces = match State::parse(&state) {
        Some(State::Asked) => None,
        Some(State::Begun) => Some(names(replaces, role)?),
        Some(State::Finished | State::Dropped) | None => return Err(Corrupt::State(state)),
    };
    Ok(Intervention { kind, role, asked_at, replaces })
}

fn names(replaces: Names, role: Option<Role>) -> Result<Vec<String>, Corrupt> {
    let names = match replaces {
        Names::Read(names) => names,
        Names::Missing | Names::Unreadable => return Err(Corrupt::NoNames),
    };
    let meant = |name: &String| Post::of_process(name).is_some_and(|post| role.is_none_or(|role| role == post.role));
    match names.iter().find(|name| !meant(name)) {
        Some(strange) => Err(Corrupt::Name(strange.clone())),
        None => Ok(names),
    }
}

/// What the supervisor sees of an open intervention.
#[expect(clippy::struct_excessive_bools, reason = "five independent observations")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    /// It has begun: its list of names is stored.
    pub begun: bool,
    /// Who asked has read that it begins, or will not read it soon.
    pub told: bool,
    /// One of the processes that it replaces, other than the supervisor itself, is at its post.
    pub others_there: bool,
    /// It replaces this very supervisor.
    pub own: bool,
    /// Every post that it is about has a ready process.
    pub ready: bool,
}

/// What is done about it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Nothing; look again.
    Wait,
    /// Store which processes it replaces.
    Begin,
    /// Have those processes end that it replaces.
    EndThem,
    /// Become another supervisor. Its successor finds the row.
    ReplaceOneself,
    /// It is over.
    Finish,
}

/// The next step. The daemons come before the supervisor: as long as they do not come back, who could help them stays.
pub const fn next(seen: Seen) -> Step {
    match seen {
        Seen { begun: false, told: false, .. } | Seen { begun: true, others_there: false, ready: false, .. } => {
            Step::Wait
        }
        Seen { begun: false, told: true, .. } => Step::Begin,
        Seen { begun: true, others_there: true, .. } => Step::EndThem,
        Seen { begun: true, others_there: false, ready: true, own: true, .. } => Step::ReplaceOneself,
        Seen { begun: true, others_there: false, ready: true, own: false, .. } => Step::Finish,
    }
}

/// What the chat reads at first.
pub const ASKED: &str = "Restarting; running tasks go on.";

/// What it reads when all is back: how long it took, unless the clock was set meanwhile so that nobody can tell.
pub fn back(asked_at: i64, now: i64) -> String {
    match now.checked_sub(asked_at) {
        Some(took @ 0..=DAY_MS) => format!("Back after {}.", figure(took)),
        Some(_) | None => "Back.".into(),
    }
}

/// What it reads when nothing could start under the configuration as it is now.
pub fn refused(why: &str) -> String {
    format!("Nothing was restarted, since nothing could start: {why}.")
}

/// What it reads when the intervention was dropped.
pub fn dropped(why: &str) -> String {
    format!("Nobody can say what became of this: {why}. Ask again if it is still needed.")
}

fn figure(ms: i64) -> String {
    let tenths = (ms + 50) / 100;
    let seconds = ms / 1000;
    if tenths < 600 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if seconds < 3600 {
        format!("{} min {} s", seconds.max(60) / 60, seconds.max(60) % 60)
    } else {
        format!("{} h {} min", seconds / 3600, seconds % 3600 / 60)
    }
}

#[cfg(test)]
mod tests;
