//! Who keeps the database locked, and what is done about it (rule L2). A *holder* is the process that has to take its next
//! step, or to end, before anybody else can write. *Progress* is that something was written, or that another one holds now:
//! holding alone is no offence.
//!
//! Only what is proved ours is ended or woken; a program of somebody else's is named, and ended only where the owner asked
//! for that. Who the holder is, and whether it is ours, is found out by whoever asks.

use std::time::Duration;

use crate::{
    hang::{self, Standing},
    health::age,
};

/// Whether the holder is a program of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ours {
    /// Proved.
    Yes,
    /// Proved to be another's.
    No,
    CannotTell,
}

/// What is known of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub ours: Ours,
    pub standing: Standing,
    /// It fills a post of the system. One that stands still there is ended sooner by those who watch the posts.
    pub at_post: bool,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Leave,
    /// It is told to go on: it was stopped between two of its steps, and nothing is lost by its taking the next one.
    Wake,
    /// Whoever looks on is told who it is. The rest happens by itself.
    Say,
    /// The owner is told too: nobody else can do anything about it.
    Name,
    End,
}

/// For how long a holder may hold without progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until one of ours that stands still is woken.
    pub wake: Duration,
    /// Until it is named.
    pub name: Duration,
    /// Until it is ended, where it may be.
    pub end: Duration,
}

/// Waking comes before a writer that waits has lost its own patience (15 s): then nobody's request fails for it.
pub const PATIENCE: Patience =
    Patience { wake: hang::PATIENCE, name: Duration::from_secs(10), end: Duration::from_mins(1) };

/// The decision. `held` is for how long it was seen to hold without progress, by `aged`.
pub fn decide(seen: Seen, held: Duration, kill_foreign: bool, patience: Patience) -> Verdict {
    use Standing::{Blocked, Gone, Running, Stopped};
    match (seen.ours, seen.standing) {
        // One that waits for a disk no signal would end, and its end would give nobody the disk.
        (Ours::Yes, Running | Stopped) if held >= patience.end => Verdict::End,
        (Ours::No, Running | Stopped) if kill_foreign && held >= patience.end => Verdict::End,
        (Ours::Yes, Stopped) if !seen.at_post && held >= patience.wake => Verdict::Wake,
        (Ours::Yes, Running | Stopped) if held >= patience.name => Verdict::Say,
        // Whoever cannot be looked at is not ended, whosever it is.
        (Ours::Yes, Blocked | Standing::CannotTell)
        | (Ours::No | Ours::CannotTell, Running | Stopped | Blocked | Standing::CannotTell)
            if held >= patience.name =>
        {
            Verdict::Name
        }
        (Ours::Yes | Ours::No | Ours::CannotTell, Running | Stopped | Blocked | Gone | Standing::CannotTell) => {
            Verdict::Leave
        }
    }
}

/// One holder, from look to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold<H, M> {
    pub holder: H,
    /// What changes with every progress.
    pub mark: M,
    /// For how long it has held without progress.
    pub held: Duration,
}

/// The hold after one more look, `since` after the last one, where a look is due `every` so often. A look adds at most twice
/// that: a machine that slept, or an observer that did, makes nobody stale.
pub fn aged<H: PartialEq, M: PartialEq>(
    before: Option<Hold<H, M>>,
    now: Option<(H, M)>,
    since: Duration,
    every: Duration,
) -> Option<Hold<H, M>> {
    let (holder, mark) = now?;
    let lasts = before.as_ref().is_some_and(|before| before.holder == holder && before.mark == mark);
    let held = age(before.map_or(Duration::ZERO, |before| before.held), lasts, since, every);
    Some(Hold { holder, mark, held })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [Ours; 3] = [Ours::Yes, Ours::No, Ours::CannotTell];
    const STANDINGS: [Standing; 5] =
        [Standing::Running, Standing::Stopped, Standing::Blocked, Standing::Gone, Standing::CannotTell];
    const HELD: [u64; 8] = [0, 2, 3, 9, 10, 59, 60, 86_400];

    /// Everything that a decision can be asked.
    fn every(visit: &mut dyn FnMut(Seen, u64, bool, Verdict)) {
        for ours in OURS {
            for standing in STANDINGS {
                for at_post in [false, true] {
                    for held in HELD {
                        for kill in [false, true] {
                            let seen = Seen { ours, standing, at_post };
                            visit(seen, held, kill, decide(seen, Duration::from_secs(held), kill, PATIENCE));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn only_who_is_proved_ours_or_proved_foreign_and_given_up_is_ended_and_only_after_a_minute() {
        every(&mut |seen, held, kill, verdict| {
            let seen_well = matches!(seen.standing, Standing::Running | Standing::Stopped);
            let may = match seen.ours {
                Ours::Yes => true,
                Ours::No => kill,
                Ours::CannotTell => false,
            };
            assert_eq!(verdict == Verdict::End, seen_well && may && held >= 60, "{seen:?} {held} {kill}: {verdict:?}");
        });
    }

    #[test]
    fn only_one_of_ours_that_stands_still_at_no_post_is_woken_and_before_it_is_ended() {
        every(&mut |seen, held, kill, verdict| {
            let who = Seen { ours: Ours::Yes, standing: Standing::Stopped, at_post: false };
            assert_eq!(verdict == Verdict::Wake, seen == who && (3..60).contains(&held), "{seen:?} {held} {kill}");
        });
    }

    #[test]
    fn the_owner_hears_of_everybody_whom_we_do_not_end_and_of_nobody_else() {
        every(&mut |seen, held, kill, verdict| {
            let here = seen.standing != Standing::Gone;
            let long = here && held >= 10 && verdict != Verdict::End && verdict != Verdict::Wake;
            let ends_by_itself =
                seen.ours == Ours::Yes && matches!(seen.standing, Standing::Running | Standing::Stopped);
            assert_eq!(verdict == Verdict::Name, long && !ends_by_itself, "{seen:?} {held} {kill}: {verdict:?}");
            assert_eq!(verdict == Verdict::Say, long && ends_by_itself, "{seen:?} {held} {kill}: {verdict:?}");
        });
    }

    #[test]
    fn who_is_gone_or_has_only_just_begun_is_left_alone() {
        every(&mut |seen, held, kill, verdict| {
            if seen.standing == Standing::Gone || held < 3 {
                assert_eq!(verdict, Verdict::Leave, "{seen:?} {held} {kill}");
            }
        });
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn time_counts_only_while_the_same_one_holds_and_nothing_is_written() {
        for (was, mark, now) in [("a", 1, None), ("a", 1, Some(("b", 1))), ("a", 1, Some(("a", 2)))] {
            let before = Some(Hold { holder: was, mark, held: Duration::from_mins(5) });
            let after = aged(before, now, SECOND, SECOND);
            assert_eq!(after.map(|hold| hold.held), now.map(|_| Duration::ZERO), "{now:?}");
        }
        let after = aged(Some(Hold { holder: "a", mark: 1, held: SECOND }), Some(("a", 1)), SECOND, SECOND);
        assert_eq!(after.unwrap().held, SECOND * 2);
        assert_eq!(aged(None::<Hold<&str, i32>>, Some(("a", 1)), SECOND, SECOND).unwrap().held, Duration::ZERO);
    }

    #[test]
    fn a_night_of_sleep_makes_nobody_stale() {
        let mut hold = aged(None::<Hold<&str, i32>>, Some(("a", 1)), SECOND, SECOND);
        for _ in 0..3 {
            hold = aged(hold, Some(("a", 1)), Duration::from_hours(8), SECOND);
        }
        let held = hold.unwrap().held;
        assert_eq!(held, SECOND * 6);
        let seen = Seen { ours: Ours::Yes, standing: Standing::Running, at_post: false };
        assert_eq!(decide(seen, held, true, PATIENCE), Verdict::Leave);
    }

    #[test]
    fn looks_on_time_reach_the_end_of_patience() {
        let mut hold = None;
        for _ in 0..=60 {
            hold = aged(hold, Some(("a", 1)), SECOND, SECOND);
        }
        assert_eq!(hold.unwrap().held, PATIENCE.end);
    }
}
