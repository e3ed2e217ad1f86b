//! How a process fell: what its end says about the component, from how it ended and what was asked of it. An end that came
//! *from outside* (somebody's signal) says nothing; one that it brought upon itself says that it does not work.

use std::time::Duration;

use crate::{exit_code, health::Hang, ladder::Fall, plan::Asked};

/// How the system says that a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal(i32),
    /// Only its parent is told, and that was an earlier supervisor.
    NobodyKnows,
}

impl Ended {
    /// Whether it is known that the process brought this end upon itself.
    pub fn is_its_own(self) -> bool {
        match self {
            Self::Code(_) => true,
            Self::Signal(signal) => !FROM_OUTSIDE.contains(&signal),
            Self::NobodyKnows => false,
        }
    }
}

/// What was known of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub asked: Asked,
    /// Why it was killed, where that is why.
    pub hang: Option<Hang>,
    /// For how long it had been ready; `None`: never.
    pub ready_for: Option<Duration>,
}

/// SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGPIPE, SIGALRM, SIGTERM: what a process gets from others. The rest it brings upon itself.
const FROM_OUTSIDE: [i32; 7] = [1, 2, 3, 9, 13, 14, 15];

/// The reading.
pub fn read(ended: Ended, before: Before) -> Fall {
    let failed = before.ready_for.map_or(Fall::NeverReady, |ready_for| Fall::Failed { ready_for });
    let taken = before.ready_for.map_or(Fall::NeverReady, |ready_for| Fall::Taken { ready_for });
    match (before.asked, ended) {
        (Asked::Kill, _) if before.hang.is_some() => failed,
        (Asked::Drain | Asked::Restart | Asked::RestartInVain | Asked::Kill, _) => Fall::Asked,
        (Asked::Nothing, Ended::Code(code)) if code == i32::from(exit_code::RESTART) => Fall::Asked,
        (Asked::Nothing, Ended::Code(code)) if exit_code::is_refusal(code) && before.ready_for.is_none() => {
            Fall::Refused
        }
        (Asked::Nothing, Ended::Code(0) | Ended::NobodyKnows) => taken,
        (Asked::Nothing, Ended::Signal(signal)) if FROM_OUTSIDE.contains(&signal) => taken,
        (Asked::Nothing, Ended::Code(_) | Ended::Signal(_)) => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Option<Duration> = Some(Duration::from_secs(7));
    const FAILED: Fall = Fall::Failed { ready_for: Duration::from_secs(7) };

    #[test]
    fn over_every_input_only_what_it_brought_upon_itself_counts_against_it() {
        let ends = [0, 1, 42, 69, 75, 78, 101].map(Ended::Code);
        let signals = [1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 14, 15, 31].map(Ended::Signal);
        for asked in [Asked::Nothing, Asked::Drain, Asked::Restart, Asked::RestartInVain, Asked::Kill] {
            for hang in [None, Some(Hang::Stopped), Some(Hang::Frozen)] {
                for ready_for in [None, READY] {
                    for ended in ends.into_iter().chain(signals).chain([Ended::NobodyKnows]) {
                        let fall = read(ended, Before { asked, hang, ready_for });
                        let hung = asked == Asked::Kill && hang.is_some();
                        let is_asked = asked != Asked::Nothing || ended == Ended::Code(42);
                        let outside = matches!(
                            ended,
                            Ended::Code(0) | Ended::NobodyKnows | Ended::Signal(1 | 2 | 3 | 9 | 13 | 14 | 15)
                        );
                        let refused = matches!(ended, Ended::Code(69 | 75 | 78));
                        let expected = if !hung && is_asked {
                            Fall::Asked
                        } else if ready_for.is_none() {
                            if refused && !hung { Fall::Refused } else { Fall::NeverReady }
                        } else if outside && !hung {
                            Fall::Taken { ready_for: Duration::from_secs(7) }
                        } else {
                            FAILED
                        };
                        assert_eq!(fall, expected, "{ended:?} {asked:?} {hang:?} {ready_for:?}");
                    }
                }
            }
        }
    }
}
