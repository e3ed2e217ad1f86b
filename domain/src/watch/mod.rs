//! Watching a process by its lock and its pulse. A *watch* is what an observer knows of one *life* (one process, from its
//! start to its end) by its own looks; each look adds at most twice the time between two of them, so that the sleep of
//! a laptop and a stopped observer make nobody stale.
//!
//! *Proved* is that a process is dead (its lock is free), stands still, or has a loop that is late although it beats. That
//! its pulse is silent proves nothing: the owner is told, and nobody is ended for it.

pub mod absence;
mod words;

use std::time::Duration;

pub use words::words;

use crate::hang::Standing;

/// Between two looks.
pub const EVERY: Duration = Duration::from_secs(2);

/// For how long something has to be seen without a break. The owner knows of it within 30 seconds: a look, this, and a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// What is proved. A restart takes a second, a service manager waits 10 seconds before it starts something again.
    pub proved: Duration,
    /// Silence alone.
    pub silent: Duration,
}

/// The patience of whoever watches the supervisor.
pub const PATIENCE: Patience = Patience { proved: Duration::from_secs(15), silent: Duration::from_secs(20) };

/// Whether somebody holds the lock of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Yes,
    No,
    CannotTell,
}

/// A pulse as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat<'a> {
    /// Which life it is of.
    pub name: &'a str,
    pub standing: Standing,
    pub beats: u64,
    /// The loop that is latest, and its turns.
    pub late: Option<(&'a str, u64)>,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look<'a> {
    pub held: Held,
    /// `None` where no pulse can be read.
    pub beat: Option<Beat<'a>>,
}

/// What an observer knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch(Option<Life>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Life {
    name: String,
    beats: u64,
    late: Option<(String, u64)>,
    gone_for: Duration,
    stopped_for: Duration,
    late_for: Duration,
    silent_for: Duration,
}

impl Life {
    /// With nothing against it.
    fn new(name: &str, beats: u64) -> Self {
        Self {
            name: name.to_owned(),
            beats,
            late: None,
            gone_for: Duration::ZERO,
            stopped_for: Duration::ZERO,
            late_for: Duration::ZERO,
            silent_for: Duration::ZERO,
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing, as far as can be told.
    Well,
    /// It is dead, and nobody took its place.
    Gone,
    /// It stands still.
    Stopped,
    /// It beats, and this loop of it does not turn.
    Late { name: String },
    /// It lives, and its pulse does not beat.
    Silent,
}

impl Verdict {
    /// The word in the key of an alert.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Gone => "gone",
            Self::Stopped => "stopped",
            Self::Late { .. } => "late",
            Self::Silent => "silent",
        }
    }
}

/// The key of what is told of this life.
pub fn key(verdict: &Verdict, life: &str) -> String {
    format!("supervisor-{}.{life}", verdict.as_str())
}

/// Whether what is told under this key is not so at any time at which a supervisor can ask: it lives, and does not stand
/// still. Of one of its loops, or of its pulse, that says nothing.
pub fn is_refuted_by_life(key: &str) -> bool {
    [Verdict::Gone, Verdict::Stopped].iter().any(|past| key.starts_with(&self::key(past, "")))
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Nothing,
    Tell,
    /// It is ended, so that its service manager starts it anew; and the owner is told.
    End,
}

/// The decision. `kept` says that a service manager keeps the process: without one nobody would start it again.
pub const fn action(verdict: &Verdict, kept: bool) -> Action {
    match (verdict, kept) {
        (Verdict::Well, true | false) => Action::Nothing,
        (Verdict::Gone | Verdict::Silent, true | false) | (Verdict::Stopped | Verdict::Late { .. }, false) => {
            Action::Tell
        }
        (Verdict::Stopped | Verdict::Late { .. }, true) => Action::End,
    }
}

impl Watch {
    /// The life that is watched, if one was ever seen.
    pub fn life(&self) -> Option<&str> {
        self.0.as_ref().map(|life| life.name.as_str())
    }

    /// For how long it has been seen to be wrong.
    pub fn wrong_for(&self) -> Duration {
        let of = |life: &Life| life.gone_for.max(life.stopped_for).max(life.late_for).max(life.silent_for);
        self.0.as_ref().map_or(Duration::ZERO, of)
    }

    /// What is known after one more look, `passed` after the one before it.
    pub fn look(self, look: Look<'_>, passed: Duration, every: Duration, patience: Patience) -> (Self, Verdict) {
        let passed = passed.min(every * 2);
        let known = match (look.held, look.beat) {
            (Held::Yes, Some(beat)) => alive(self.0, beat, passed),
            // It lives, and nothing is to be read of it.
            (Held::Yes, None) => {
                self.0.map(|life| Life { silent_for: life.silent_for + passed, ..Life::new(&life.name, life.beats) })
            }
            (Held::No, Some(_) | None) => {
                self.0.map(|life| Life { gone_for: life.gone_for + passed, ..Life::new(&life.name, life.beats) })
            }
            (Held::CannotTell, Some(_) | None) => return (self, Verdict::Well),
        };
        let verdict = known.as_ref().map_or(Verdict::Well, |life| judge(life, patience));
        (Self(known), verdict)
    }
}

/// A life that has its lock. Nothing counts yet against whoever is seen for the first time.
fn alive(known: Option<Life>, beat: Beat<'_>, passed: Duration) -> Option<Life> {
    let stands_still = match beat.standing {
        Standing::Stopped => true,
        Standing::Running | Standing::Blocked | Standing::CannotTell => false,
        // The pulse of an earlier life: who holds the lock now has not beaten yet.
        Standing::Gone => return known.map(|life| Life::new(&life.name, life.beats)),
    };
    let Some(before) = known.filter(|life| life.name == beat.name) else {
        return Some(Life { late: owned(beat.late), ..Life::new(beat.name, beat.beats) });
    };
    let beats = beat.beats != before.beats;
    let late = owned(beat.late);
    let late_for = match (&late, late == before.late) {
        // A pulse that does not beat tells nothing new of its loops.
        (Some(_), true) if beats && beat.standing != Standing::Blocked => before.late_for + passed,
        // Nor does one whose process waits for a disk.
        (Some(_), true) => before.late_for,
        (Some(_), false) | (None, true | false) => Duration::ZERO,
    };
    Some(Life {
        late,
        stopped_for: if stands_still { before.stopped_for + passed } else { Duration::ZERO },
        late_for,
        silent_for: if beats { Duration::ZERO } else { before.silent_for + passed },
        ..Life::new(beat.name, beat.beats)
    })
}

fn owned(late: Option<(&str, u64)>) -> Option<(String, u64)> {
    late.map(|(name, turns)| (name.to_owned(), turns))
}

fn judge(life: &Life, patience: Patience) -> Verdict {
    if life.gone_for >= patience.proved {
        return Verdict::Gone;
    }
    if life.stopped_for >= patience.proved {
        return Verdict::Stopped;
    }
    if let Some((name, _)) = life.late.as_ref().filter(|_| life.late_for >= patience.proved) {
        return Verdict::Late { name: name.clone() };
    }
    // Dead or stopped, and not for long enough: silence says nothing beside it.
    let explained = !life.gone_for.is_zero() || !life.stopped_for.is_zero();
    if life.silent_for >= patience.silent && !explained { Verdict::Silent } else { Verdict::Well }
}

#[cfg(test)]
mod tests;
