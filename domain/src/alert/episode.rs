//! Episodes: signs in a row become one beginning and one end. What is wrong is first *pending*, and *fires* when it has lasted
//! for as long as its rule says; it is over when it was well for a while, so that what comes and goes is one episode.
//!
//! Durations are counted by the looks of whoever watches (`health::age`): a laptop that slept, a clock that jumped, a watcher
//! that was itself stopped begin, end and repeat nothing.

use std::time::Duration;

use crate::health::age;

/// What one look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    Wrong,
    Well,
    /// What would have to be known cannot be read now.
    CannotTell,
}

/// Where an episode is; without one all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has been wrong for so long, and that is not long enough.
    Pending { held: Duration },
    /// It has lasted for so long since it fired, and has been well for so long.
    Firing { lasted: Duration, well: Duration },
}

/// What a look changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    Nothing,
    /// It fires from now on.
    Began,
    /// It is over, after so long; the time of being well is no part of it.
    Over {
        after: Duration,
    },
}

/// How long what takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// For so long it must be wrong until it fires.
    pub pending: Duration,
    /// For so long it must be well until it is over.
    pub settled: Duration,
}

/// The phase after one more look, `ran` after the last one, which should have been `every`.
pub fn step(
    phase: Option<Phase>,
    sign: Sign,
    (ran, every): (Duration, Duration),
    terms: Terms,
) -> (Option<Phase>, Change) {
    match (phase, sign) {
        (phase @ (None | Some(Phase::Pending { .. })), Sign::CannotTell) => (phase, Change::Nothing),
        (None | Some(Phase::Pending { .. }), Sign::Well) => (None, Change::Nothing),
        // The first look proves a moment, and no more.
        (None, Sign::Wrong) => wrong_for(Duration::ZERO, terms),
        (Some(Phase::Pending { held }), Sign::Wrong) => wrong_for(age(held, true, ran, every), terms),
        (Some(Phase::Firing { lasted, well }), sign) => {
            let lasted = age(lasted, true, ran, every);
            let well = match sign {
                Sign::Well => age(well, true, ran, every),
                Sign::Wrong => Duration::ZERO,
                // Neither better nor worse.
                Sign::CannotTell => well,
            };
            if sign == Sign::Well && well >= terms.settled {
                (None, Change::Over { after: lasted.saturating_sub(well) })
            } else {
                (Some(Phase::Firing { lasted, well }), Change::Nothing)
            }
        }
    }
}

fn wrong_for(held: Duration, terms: Terms) -> (Option<Phase>, Change) {
    if held >= terms.pending {
        (Some(Phase::Firing { lasted: held, well: Duration::ZERO }), Change::Began)
    } else {
        (Some(Phase::Pending { held }), Change::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const TERMS: Terms = Terms { pending: Duration::from_secs(3), settled: Duration::from_secs(2) };
    const SIGNS: [Sign; 3] = [Sign::Wrong, Sign::Well, Sign::CannotTell];

    fn firing(lasted: u32, well: u32) -> Phase {
        Phase::Firing { lasted: S * lasted, well: S * well }
    }

    #[test]
    fn every_phase_meets_every_sign() {
        let pending = |held: u32| Some(Phase::Pending { held: S * held });
        let over = |after: u32| Change::Over { after: S * after };
        let nothing = Change::Nothing;
        for (phase, sign, expected) in [
            (None, Sign::Wrong, (pending(0), nothing)),
            (None, Sign::Well, (None, nothing)),
            (None, Sign::CannotTell, (None, nothing)),
            (pending(1), Sign::Wrong, (pending(2), nothing)),
            (pending(2), Sign::Wrong, (Some(firing(3, 0)), Change::Began)),
            (pending(2), Sign::Well, (None, nothing)),
            (pending(2), Sign::CannotTell, (pending(2), nothing)),
            (Some(firing(5, 0)), Sign::Wrong, (Some(firing(6, 0)), nothing)),
            (Some(firing(5, 1)), Sign::Wrong, (Some(firing(6, 0)), nothing)),
            (Some(firing(5, 0)), Sign::Well, (Some(firing(6, 1)), nothing)),
            (Some(firing(5, 1)), Sign::Well, (None, over(4))),
            (Some(firing(5, 1)), Sign::CannotTell, (Some(firing(6, 1)), nothing)),
        ] {
            assert_eq!(step(phase, sign, (S, S), TERMS), expected, "{phase:?} {sign:?}");
        }
    }

    #[test]
    fn what_waits_for_nothing_fires_at_its_first_look() {
        let terms = Terms { pending: Duration::ZERO, ..TERMS };
        assert_eq!(step(None, Sign::Wrong, (S, S), terms).1, Change::Began);
    }

    #[test]
    fn in_every_sequence_of_signs_beginnings_and_ends_alternate_and_each_has_its_reason() {
        let mut begun = 0_u32;
        for number in 0..3_u32.pow(9) {
            let signs: Vec<Sign> = (0..9).map(|place| SIGNS[(number / 3_u32.pow(place) % 3) as usize]).collect();
            let (mut phase, mut fires) = (None, false);
            for (at, sign) in signs.iter().enumerate() {
                let change;
                (phase, change) = step(phase, *sign, (S, S), TERMS);
                let before = &signs[..=at];
                let count = |which: Sign| {
                    before
                        .iter()
                        .rev()
                        .take_while(|sign| **sign != opposite(which))
                        .filter(|sign| **sign == which)
                        .count()
                };
                match change {
                    Change::Began => {
                        assert!(!fires && count(Sign::Wrong) >= 4, "{signs:?}");
                        (fires, begun) = (true, begun + 1);
                    }
                    Change::Over { .. } => {
                        assert!(fires && count(Sign::Well) >= 2, "{signs:?}");
                        fires = false;
                    }
                    Change::Nothing => {}
                }
                assert_eq!(fires, matches!(phase, Some(Phase::Firing { .. })), "{signs:?}");
            }
        }
        assert!(begun > 1000, "{begun}");
    }

    fn opposite(sign: Sign) -> Sign {
        match sign {
            Sign::Wrong => Sign::Well,
            Sign::Well | Sign::CannotTell => Sign::Wrong,
        }
    }

    #[test]
    fn a_night_in_which_the_watcher_slept_is_one_look() {
        let terms = Terms { pending: Duration::from_mins(5), settled: Duration::from_mins(1) };
        let night = (Duration::from_hours(8), Duration::from_secs(5));
        let (mut phase, mut change) = (None, Change::Nothing);
        for _ in 0..20 {
            (phase, change) = step(phase, Sign::Wrong, night, terms);
        }
        assert_eq!((phase, change), (Some(Phase::Pending { held: Duration::from_secs(190) }), Change::Nothing));
    }
}
