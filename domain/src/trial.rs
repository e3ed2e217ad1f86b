//! The trial of a release: the time in which a new release has to prove itself, ten minutes of health in all. A *fault* is an
//! end that the release brought upon itself: a crash, an exit code, a loop that froze. What somebody ends from outside, what
//! somebody stops and what refuses to start is none.
//!
//! A trial ends once. A release that failed is *bad* and nothing returns to it by itself, so two bad releases never take turns.
//! How a return is done is no business of this file.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::{crash, exit_code, fall::Ended, health::Hang, ladder::Fall, watch};

/// So long every wanted process has to be ready, in all, under a supervisor of the same release, since the last fault.
pub const HEALTHY: Duration = Duration::from_mins(10);
/// For so long without a break a wanted process may not be ready: restarts take seconds, a start at most half a minute.
pub const UNREADY: Duration = Duration::from_mins(3);
/// So many starts of a supervisor that came to nothing are borne; the next one goes back before it does anything else.
pub const STARTS: u32 = 2;
/// How many releases are kept.
pub const KEPT: usize = 5;

/// What was observed of a release on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Faults within half an hour of the last one.
    pub faults: usize,
    /// For how long, without a break, something that is wanted was not ready.
    pub unready_for: Duration,
    /// For how long all was well since the last fault, in all.
    pub healthy_for: Duration,
}

/// How long each may last. Tests shorten both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub healthy: Duration,
    pub unready: Duration,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Continue,
    Passed,
    Failed(Why),
}

/// Why a trial failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It fell over so often within half an hour.
    Faults(usize),
    /// Something never got ready.
    Unready(Duration),
}

/// The judgement. What speaks against it counts more than the time that it has stood.
pub fn judge(seen: Seen, limits: Limits) -> Verdict {
    if seen.faults >= crash::MANY {
        Verdict::Failed(Why::Faults(seen.faults))
    } else if seen.unready_for >= limits.unready {
        Verdict::Failed(Why::Unready(limits.unready))
    } else if seen.healthy_for >= limits.healthy {
        Verdict::Passed
    } else {
        Verdict::Continue
    }
}

/// How many of the faults at these times (Unix milliseconds, in the order in which they were noted) belong to the last one.
pub fn together(faults: &[i64], spans: crash::Spans) -> usize {
    let Some(last) = faults.last() else { return 0 };
    faults.iter().filter(|at| last.saturating_sub(**at).saturating_abs() <= spans.together_ms).count()
}

/// Whether an end is a fault of the release. `ended` is how the system says that the process ended.
pub fn is_fault(fall: Fall, ended: Ended, hang: Option<Hang>) -> bool {
    match fall {
        // A refusal asks for a person; what comes of it is that something is not ready.
        Fall::Asked | Fall::Taken { .. } | Fall::Refused => false,
        Fall::Failed { .. } | Fall::NeverReady => match hang {
            Some(Hang::Stopped) => false,
            Some(Hang::Frozen | Hang::Quiet | Hang::Unanswered) => true,
            None => ended.is_its_own(),
        },
    }
}

/// Whether a start of the supervisor goes back at once. `starts` are those before it that came to nothing.
pub const fn goes_back_at_start(starts: u32) -> bool {
    starts >= STARTS
}

/// What follows for a supervisor on trial, for the process that stays behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Leave,
    /// It is ended and started anew; `fault` says whether the release brought that upon itself.
    End {
        fault: bool,
    },
}

/// Whether the supervisor is ended. A stopped one is ended too, since somebody stands behind it who starts it anew.
/// `unready_for` is how long it has lived without being ready and without anything that excuses it.
pub fn act(verdict: &watch::Verdict, unready_for: Duration, limit: Duration) -> Act {
    match verdict {
        watch::Verdict::Stopped => Act::End { fault: false },
        watch::Verdict::Late { .. } => Act::End { fault: true },
        // It lives: the process that stays behind is its parent, and knows. Whether it is of use is another question.
        watch::Verdict::Well | watch::Verdict::Gone | watch::Verdict::Silent if unready_for >= limit => {
            Act::End { fault: true }
        }
        watch::Verdict::Well | watch::Verdict::Gone | watch::Verdict::Silent => Act::Leave,
    }
}

/// What follows for whoever stands by from the end of the supervisor behind which he stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is over for both.
    End,
    /// It is started again.
    Again,
    /// It is started again, and the release brought its end upon itself.
    Fault,
}

/// Decides it. `asked`: somebody asked it to end; `on_trial`: its release still has to prove itself.
pub fn after(ended: Ended, asked: bool, on_trial: bool) -> Next {
    match ended {
        Ended::Code(code) if code == i32::from(exit_code::RESTART) => Next::Again,
        Ended::Code(_) | Ended::Signal(_) | Ended::NobodyKnows if asked => Next::End,
        Ended::Code(0) => Next::End,
        // A new release may refuse what the one before took.
        Ended::Code(code) if exit_code::is_refusal(code) => {
            if on_trial {
                Next::Again
            } else {
                Next::End
            }
        }
        Ended::Code(_) | Ended::Signal(_) | Ended::NobodyKnows if on_trial && ended.is_its_own() => Next::Fault,
        Ended::Code(_) | Ended::Signal(_) | Ended::NobodyKnows => Next::Again,
    }
}

/// Whether rung 4 returns from the release that runs: one that never proved itself always, another one only when it is suspect
/// and a person has allowed it.
pub const fn rung_returns(healthy: bool, suspect: bool, auto_revert: bool) -> bool {
    !healthy || (suspect && auto_revert)
}

/// A release as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    pub name: &'a str,
    pub bad: bool,
    /// It has passed a trial.
    pub healthy: bool,
    /// Everything was ready under it once.
    pub ran: bool,
    /// What was in place before it.
    pub from: Option<&'a str>,
    /// When it was put in place last, or was taken; Unix milliseconds.
    pub since: i64,
}

/// Which release is returned to from `current`: the one before it if that ran, else the last one that was healthy.
pub fn target<'a>(current: &str, from: Option<&str>, kept: &[Kept<'a>]) -> Option<&'a str> {
    let may = |release: &&Kept<'a>| !release.bad && release.name != current && (release.healthy || release.ran);
    let before = kept.iter().filter(may).find(|release| Some(release.name) == from);
    let healthy = || kept.iter().filter(may).filter(|release| release.healthy).max_by_key(|release| release.since);
    before.or_else(healthy).map(|release| release.name)
}

/// Which releases are kept no more, beyond those that are kept: bad ones first, then what never ran, then what never proved itself;
/// of the same kind the oldest. What another one would return to counts as what ran. Never one that is `needed`.
pub fn superfluous<'a>(needed: &[&str], kept: &[Kept<'a>]) -> Vec<&'a str> {
    let is_way_back = |name: &str| kept.iter().any(|release| !release.bad && release.from == Some(name));
    let mut others: Vec<&Kept<'a>> = kept.iter().filter(|release| !needed.contains(&release.name)).collect();
    others.sort_by_key(|release| {
        let worth = if release.bad {
            0
        } else if release.healthy {
            3
        } else if release.ran || is_way_back(release.name) {
            2
        } else {
            1
        };
        (worth, release.since)
    });
    let room = KEPT.saturating_sub(kept.len() - others.len());
    others.iter().take(others.len().saturating_sub(room)).map(|release| release.name).collect()
}
