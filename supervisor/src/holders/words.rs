//! What is said about who keeps the database locked: who it is, why it is or is not ended, what to do.

use agentlab_domain::{
    hang::Standing,
    holder::{Ours, Seen},
};

/// What is talked about.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// Name and PID.
    pub(super) called: String,
    pub(super) seen: Seen,
    pub(super) kill_foreign: bool,
}

/// It was named, and holds no more.
pub(super) const FREE: &str = "the database is no longer locked";

/// Who it is, and what becomes of it.
pub(super) fn named(case: &Case) -> String {
    let called = &case.called;
    let and = match (case.seen.ours, case.seen.standing) {
        (Ours::Yes, Standing::Blocked) => "a program of ours that waits for a disk: look at the disk (`dmesg`)",
        (Ours::Yes, Standing::Stopped) => "a program of ours that stands still: I end it if it goes on like this",
        (Ours::Yes, Standing::Running | Standing::Gone | Standing::CannotTell) => {
            "a program of ours that makes no progress: I end it if it goes on like this"
        }
        (Ours::No, _) if case.kill_foreign => {
            "which is no program of ours: end it, or wait; after a minute I end it (recovery.kill_foreign_holders)"
        }
        (Ours::No, _) => "which is no program of ours: end it, or wait; I go on trying",
        (Ours::CannotTell, _) => {
            "and I cannot tell whether it is a program of ours, so I do not end it: end it, or wait; I go on trying"
        }
    };
    format!("the database is locked by {called}, {and}")
}

/// The same for somebody who is not in front of the terminal.
pub(super) fn to_the_owner(named: &str) -> String {
    let mut letters = named.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}. What you send meanwhile is not lost: it is taken when the database is free.", letters.as_str())
}

/// It was told to go on.
pub(super) fn woken(case: &Case) -> String {
    format!("{} stood still (Ctrl-Z?) while it kept the database locked; I told it to go on", case.called)
}

/// It was ended.
pub(super) fn ended(case: &Case) -> String {
    let although = match case.seen.ours {
        Ours::Yes => "",
        Ours::No | Ours::CannotTell => " It is no program of ours; recovery.kill_foreign_holders says so.",
    };
    format!("I ended {}: it kept the database locked for over a minute without progress.{although}", case.called)
}
