//! Leftovers: processes that outlived their run. A *leftover* carries the mark of a run that is over in our database, and
//! that run's shim is gone; nothing less is proof. A run that our database does not know belongs to another home.

use crate::orphan::Fact;

/// What is known of the run that a process belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A run of ours that is over: its row says so, or its `exit.json` is there.
    Over,
    /// A run of ours that is not.
    Live,
    /// No run of ours.
    Unknown,
    CannotTell,
}

/// Everything that is seen of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub of: Of,
    /// The run's lock is held.
    pub shim: Fact,
    /// It is the run's shim, as that recorded itself.
    pub is_shim: bool,
    /// It stands still (SIGSTOP).
    pub still: bool,
    /// It is a process at one of our posts, or ourselves.
    pub ours: bool,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Leave,
    /// Left alone, and counted: it is another home's.
    Foreign,
    /// It ends by itself once it can go on.
    Wake,
    /// SIGKILL: its run ended, and had its own ways to ask.
    End,
}

/// The decision.
pub const fn decide(seen: Seen) -> Verdict {
    match (seen.of, seen.shim) {
        _ if seen.ours => Verdict::Leave,
        (Of::Unknown, _) => Verdict::Foreign,
        // It has written the end and is about to go, or would be.
        (Of::Over, Fact::Yes) if seen.is_shim && seen.still => Verdict::Wake,
        (Of::Live | Of::CannotTell, _) | (Of::Over, Fact::Yes | Fact::CannotTell) => Verdict::Leave,
        // A shim without its lock is a riddle: no proof of anything.
        (Of::Over, Fact::No) if seen.is_shim => Verdict::Leave,
        (Of::Over, Fact::No) => Verdict::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stranger_to_our_posts_whose_run_is_over_and_whose_shim_is_gone_is_ended() {
        for of in [Of::Over, Of::Live, Of::Unknown, Of::CannotTell] {
            for shim in [Fact::Yes, Fact::No, Fact::CannotTell] {
                for bits in 0..8_u8 {
                    let (is_shim, still, ours) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
                    let seen = Seen { of, shim, is_shim, still, ours };
                    let proved = of == Of::Over && shim == Fact::No && !is_shim && !ours;
                    assert_eq!(decide(seen) == Verdict::End, proved, "{seen:?}");
                    let woken = of == Of::Over && shim == Fact::Yes && is_shim && still && !ours;
                    assert_eq!(decide(seen) == Verdict::Wake, woken, "{seen:?}");
                    assert_eq!(decide(seen) == Verdict::Foreign, of == Of::Unknown && !ours, "{seen:?}");
                }
            }
        }
    }
}
