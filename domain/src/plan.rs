//! The plan: from what was seen of every post to what is done now. A *snapshot* is one look at all posts; planning again after
//! everything was done gives nothing, so a plan may be made at any moment and any number of times.
//!
//! It decides what to do with processes only; what becomes of a component that does not come up is `domain::ladder`.

use crate::{health::Hang, ladder::Climb, role::Post};

/// Whether a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    Yes,
    No,
    CannotTell,
}

/// What was asked of a process already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    Nothing,
    /// To finish what it runs, and to end then.
    Drain,
    /// To end and be started again.
    Restart,
    /// The same, and it had its time.
    RestartInVain,
    /// It was killed.
    Kill,
}

/// A process whose identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Known {
    pub hang: Option<Hang>,
    /// Another one is to take its place: somebody asked for it, or it runs under an earlier configuration.
    pub replace: bool,
    pub asked: Asked,
}

/// What was seen of one post.
#[expect(clippy::struct_excessive_bools, reason = "four independent observations")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    pub post: Post,
    pub wanted: bool,
    /// Its lock. While nobody holds it, nobody is there.
    pub lock: Held,
    /// A process was started there and has not ended; it may not hold the lock yet.
    pub started: bool,
    /// Who is there, where that is known.
    pub known: Option<Known>,
    /// A dead worker's leases are still held in its name.
    pub leases: bool,
    /// The time for the next start has come.
    pub due: bool,
    pub climb: Climb,
}

/// Why a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    Hung(Hang),
    /// It was asked to make place and did not.
    InVain,
}

/// What is done now. Each may be done twice without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let go of what a dead worker held, before anybody takes its place.
    Release(Post),
    /// Take the rung that is due on its ladder, and whichever is due after it.
    Climb(Post),
    Start(Post),
    /// Ask it to end and be started again.
    Restart(Post),
    /// Ask it to finish what it runs and to end.
    Drain(Post),
    Kill(Post, Why),
}

/// The plan for one snapshot, in the order in which it is done.
pub fn plan(snapshot: &[Seen]) -> Vec<Action> {
    snapshot.iter().flat_map(|seen| of_post(*seen)).collect()
}

fn of_post(seen: Seen) -> Vec<Action> {
    match (seen.lock, seen.started) {
        (Held::No, false) => fill(seen),
        // Somebody is there, or may be there.
        (Held::Yes, true | false) | (Held::No | Held::CannotTell, true) => tend(seen).into_iter().collect(),
        (Held::CannotTell, false) => Vec::new(),
    }
}

/// For a post that is proved empty.
fn fill(seen: Seen) -> Vec<Action> {
    let climbs = seen.wanted && seen.climb.due.is_some();
    let starts = seen.wanted && seen.due;
    [(seen.leases, Action::Release(seen.post)), (climbs, Action::Climb(seen.post)), (starts, Action::Start(seen.post))]
        .into_iter()
        .filter_map(|(is_to_be_done, action)| is_to_be_done.then_some(action))
        .collect()
}

/// For a process that lives. Without knowing who it is nothing may be done to it.
fn tend(seen: Seen) -> Option<Action> {
    let known = seen.known?;
    if let Some(hang) = known.hang {
        return (known.asked != Asked::Kill).then_some(Action::Kill(seen.post, Why::Hung(hang)));
    }
    match (seen.wanted, known.replace, known.asked) {
        (false, _, Asked::Nothing) => Some(Action::Drain(seen.post)),
        (true, true, Asked::Nothing | Asked::Drain) => Some(Action::Restart(seen.post)),
        (_, _, Asked::RestartInVain) => Some(Action::Kill(seen.post, Why::InVain)),
        (false, _, Asked::Drain | Asked::Restart | Asked::Kill)
        | (true, true, Asked::Restart | Asked::Kill)
        | (true, false, Asked::Nothing | Asked::Drain | Asked::Restart | Asked::Kill) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ladder::{Rung, took},
        role::Role,
    };

    const POST: Post = Post { role: Role::Worker, slot: 1 };
    const CLIMBS: [Climb; 3] = [
        Climb { failed: 0, taken: None, due: None, killed: 0 },
        Climb { failed: 2, taken: Some(Rung::Restart), due: Some(Rung::EndHolders), killed: 0 },
        Climb { failed: 4, taken: Some(Rung::Capped), due: None, killed: 0 },
    ];

    fn every_known() -> Vec<Option<Known>> {
        let mut every = vec![None];
        for hang in [None, Some(Hang::Stopped), Some(Hang::Frozen), Some(Hang::Quiet), Some(Hang::Unanswered)] {
            for replace in [false, true] {
                for asked in [Asked::Nothing, Asked::Drain, Asked::Restart, Asked::RestartInVain, Asked::Kill] {
                    every.push(Some(Known { hang, replace, asked }));
                }
            }
        }
        every
    }

    fn every_seen(visit: &mut dyn FnMut(Seen)) {
        for lock in [Held::Yes, Held::No, Held::CannotTell] {
            for known in every_known() {
                for climb in CLIMBS {
                    for bits in 0..16 {
                        let bit = |n: u32| bits & (1 << n) != 0;
                        let (wanted, started, leases, due) = (bit(0), bit(1), bit(2), bit(3));
                        visit(Seen { post: POST, wanted, lock, started, known, leases, due, climb });
                    }
                }
            }
        }
    }

    /// What the world is after an action.
    fn after(seen: Seen, action: Action) -> Seen {
        let asked = |asked| Seen { known: seen.known.map(|known| Known { asked, ..known }), ..seen };
        match action {
            Action::Release(_) => Seen { leases: false, ..seen },
            Action::Climb(_) => {
                let mut climb = seen.climb;
                while climb.due.is_some() {
                    climb = took(climb, false);
                }
                Seen { climb, ..seen }
            }
            Action::Start(_) => Seen { started: true, known: None, ..seen },
            Action::Restart(_) => asked(Asked::Restart),
            Action::Drain(_) => asked(Asked::Drain),
            Action::Kill(_, _) => asked(Asked::Kill),
        }
    }

    #[test]
    fn planning_again_after_everything_was_done_gives_nothing() {
        let mut visited = 0;
        every_seen(&mut |seen| {
            visited += 1;
            let first = plan(&[seen]);
            let then = first.iter().fold(seen, |seen, action| after(seen, *action));
            assert_eq!(plan(&[then]), [], "{seen:?}: after {first:?}");
        });
        assert!(visited > 7_000, "{visited}");
    }

    #[test]
    fn over_every_input_nobody_is_started_beside_the_living_and_nobody_unknown_is_signalled() {
        every_seen(&mut |seen| {
            let empty = seen.lock == Held::No && !seen.started;
            for action in plan(&[seen]) {
                match action {
                    Action::Start(_) => assert!(empty && seen.wanted && seen.due, "{seen:?}"),
                    Action::Climb(_) | Action::Release(_) => assert!(empty, "only the proved dead: {seen:?}"),
                    Action::Restart(_) | Action::Drain(_) => {
                        assert!(!empty && seen.known.is_some_and(|known| known.hang.is_none()), "{seen:?}");
                    }
                    Action::Kill(_, Why::Hung(hang)) => {
                        assert_eq!(seen.known.and_then(|known| known.hang), Some(hang), "{seen:?}");
                    }
                    Action::Kill(_, Why::InVain) => {
                        assert_eq!(seen.known.map(|known| known.asked), Some(Asked::RestartInVain), "{seen:?}");
                    }
                }
            }
        });
    }

    #[test]
    fn a_wanted_post_that_is_empty_and_due_is_always_filled() {
        every_seen(&mut |seen| {
            if seen.lock == Held::No && !seen.started && seen.wanted && seen.due {
                assert_eq!(plan(&[seen]).last(), Some(&Action::Start(POST)), "{seen:?}");
            }
        });
    }
}
