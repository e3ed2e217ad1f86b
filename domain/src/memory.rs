//! Whether a process was killed for lack of memory. The system's own count of such kills is the *evidence*: a signal alone
//! says nothing, since anybody can send SIGKILL.

/// SIGKILL, the only signal with which a system ends processes for lack of memory.
const KILL: i32 = 9;

/// How many processes were killed for lack of memory; `None` where nobody counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kills {
    /// Of our own group of processes.
    pub group: Option<u64>,
    /// On the whole machine.
    pub system: Option<u64>,
}

/// Whether a process that ended by `signal` was killed for lack of memory: counted `before` it began and `after` it ended.
/// `ours` means that we were ending it ourselves.
pub const fn killed_for_memory(before: Kills, after: Kills, signal: Option<i32>, ours: bool) -> bool {
    if ours || !matches!(signal, Some(KILL)) {
        return false;
    }
    match (before.group, after.group, before.system, after.system) {
        // Our own group's count is nearer: a kill elsewhere on the machine was not this one.
        (Some(before), Some(after), _, _) | (_, _, Some(before), Some(after)) => after > before,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn kills(group: Option<u64>, system: Option<u64>) -> Kills {
        Kills { group, system }
    }

    #[test]
    fn a_grown_count_is_the_evidence_and_the_nearer_count_decides() {
        let table = [
            (kills(None, Some(4)), kills(None, Some(5)), true),
            (kills(None, Some(4)), kills(None, Some(4)), false),
            (kills(Some(0), Some(4)), kills(Some(1), Some(5)), true),
            (kills(Some(0), Some(4)), kills(Some(0), Some(5)), false),
            (kills(Some(0), None), kills(Some(2), None), true),
            // Two counts that cannot be compared are no evidence.
            (kills(None, None), kills(None, Some(5)), false),
            (kills(Some(1), None), kills(None, Some(5)), false),
            (kills(None, Some(4)), kills(None, None), false),
            (kills(None, None), kills(None, None), false),
            (kills(None, Some(4)), kills(Some(9), Some(5)), true),
            // A count that was set back.
            (kills(None, Some(4)), kills(None, Some(1)), false),
        ];
        for (before, after, killed) in table {
            assert_eq!(killed_for_memory(before, after, Some(KILL), false), killed, "{before:?} {after:?}");
            assert!(!killed_for_memory(before, after, Some(KILL), true), "we did it: {before:?} {after:?}");
        }
    }

    #[test]
    fn no_other_end_is_for_lack_of_memory() {
        let (before, after) = (kills(Some(0), Some(0)), kills(Some(1), Some(1)));
        for signal in [None, Some(2), Some(6), Some(11), Some(15)] {
            assert!(!killed_for_memory(before, after, signal, false), "{signal:?}");
        }
    }
}
