//! Whether a commit is undone that made a release crash. A *revert* is one more commit, on top of the suspect one, which gives
//! every file back what it held before. It is a change to somebody's repository by a machine, so every doubt is a refusal.
//!
//! Returning to an earlier release does not need it, and is over when this is asked: the revert keeps the next build from
//! bringing the same fault back.

/// Letters of a commit's name that tell it from every other one.
const ENOUGH: usize = 12;
/// Between two reverts, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

/// What Git says of a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The full name of the commit that is checked out.
    pub head: String,
    /// Its parents.
    pub parents: Vec<String>,
    /// Its message.
    pub message: String,
    /// The branch that HEAD is on; `None` when it is on none.
    pub branch: Option<String>,
    /// Nothing is changed and no file is unknown to Git.
    pub clean: bool,
    /// A merge, a rebase, a cherry-pick, a revert or a bisection has begun and is not over.
    pub busy: bool,
    /// The files that the commit changes, relative to the root.
    pub files: Vec<String>,
}

/// What is known beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// `recovery.auto_revert`.
    pub wanted: bool,
    /// The commit of the release that was gone back from because it is suspect.
    pub suspect: Option<&'a str>,
    /// The commit of the last release that was healthy.
    pub healthy: Option<&'a str>,
    /// When something was reverted last; Unix milliseconds.
    pub last_at: Option<i64>,
}

/// Why nothing is reverted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("recovery.auto_revert is off")]
    Off,
    #[error("it is not known which commits the releases were built from")]
    UnknownCommit,
    #[error("the checkout is at {head} and not at the suspect commit: it may be mended already")]
    Elsewhere { head: String },
    #[error("the suspect commit is a merge, or the first commit of all")]
    Merge,
    #[error("the commit before it is not the one that was healthy last: more than one commit lies between")]
    NotOneStep,
    #[error("the suspect commit is a revert itself")]
    RevertOfRevert,
    #[error("the suspect commit changes the database's schema ({file})")]
    Migration { file: String },
    #[error("the checkout has changes that are not committed, or files that Git does not know")]
    Dirty,
    #[error("the checkout is on no branch")]
    Detached,
    #[error("a merge, a rebase or the like is under way in the checkout")]
    Busy,
    #[error("something was reverted within the last 24 hours already")]
    Today,
}

/// Whether the suspect commit is reverted at `now`.
pub fn decide(known: Known<'_>, checkout: &Checkout, now: i64) -> Result<(), Refusal> {
    if !known.wanted {
        return Err(Refusal::Off);
    }
    let (Some(suspect), Some(healthy)) = (known.suspect, known.healthy) else { return Err(Refusal::UnknownCommit) };
    if !is_named(&checkout.head, suspect) {
        return Err(Refusal::Elsewhere { head: checkout.head.chars().take(ENOUGH).collect() });
    }
    let [parent] = checkout.parents.as_slice() else { return Err(Refusal::Merge) };
    if !is_named(parent, healthy) {
        return Err(Refusal::NotOneStep);
    }
    if is_revert(&checkout.message) {
        return Err(Refusal::RevertOfRevert);
    }
    if let Some(file) = checkout.files.iter().find(|file| is_migration(file)) {
        return Err(Refusal::Migration { file: file.clone() });
    }
    if checkout.busy {
        return Err(Refusal::Busy);
    }
    if !checkout.clean {
        return Err(Refusal::Dirty);
    }
    if checkout.branch.is_none() {
        return Err(Refusal::Detached);
    }
    // The clock may have been set back: what lies ahead is as near as what lies as far behind.
    if known.last_at.is_some_and(|at| now.saturating_sub(at).saturating_abs() < DAY_MS) {
        return Err(Refusal::Today);
    }
    Ok(())
}

/// Whether `short` names this commit without a doubt.
fn is_named(full: &str, short: &str) -> bool {
    short.len() >= ENOUGH && short.chars().all(|c| c.is_ascii_hexdigit()) && full.starts_with(short)
}

/// Git's own words for a revert; ours hold both.
fn is_revert(message: &str) -> bool {
    let first = message.lines().next().unwrap_or_default().trim_start().to_lowercase();
    first.starts_with("revert") || first.starts_with("reapply") || message.contains("This reverts commit")
}

fn is_migration(file: &str) -> bool {
    file.split('/').any(|part| part == "migrations")
}

/// The message of the commit that undoes this one; `why` is one sentence.
pub fn message(checkout: &Checkout, why: &str) -> String {
    let subject = checkout.message.lines().next().unwrap_or_default();
    format!(
        "Revert \"{subject}\"\n\nThis reverts commit {}.\n\nagentlab made this commit by itself, since recovery.auto_revert is on: {why}\n",
        checkout.head
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const PARENT: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const NOW: i64 = 1_800_000_000_000;

    fn checkout() -> Checkout {
        Checkout {
            head: HEAD.into(),
            parents: vec![PARENT.into()],
            message: "Faster intake\n\nBy far.\n".into(),
            branch: Some("main".into()),
            clean: true,
            busy: false,
            files: vec!["bot/src/intake.rs".into()],
        }
    }

    fn known() -> Known<'static> {
        Known { wanted: true, suspect: Some(&HEAD[..12]), healthy: Some(&PARENT[..12]), last_at: None }
    }

    #[test]
    fn only_when_every_guard_holds() {
        assert_eq!(decide(known(), &checkout(), NOW), Ok(()));
        let off = Known { wanted: false, ..known() };
        assert_eq!(decide(off, &checkout(), NOW), Err(Refusal::Off));
        for unknown in [Known { suspect: None, ..known() }, Known { healthy: None, ..known() }] {
            assert_eq!(decide(unknown, &checkout(), NOW), Err(Refusal::UnknownCommit));
        }
        // A name that is too short, or none of Git's, may be anybody's.
        for wrong in [&HEAD[..11], PARENT, "0.1.0", ""] {
            let refusal = decide(Known { suspect: Some(wrong), ..known() }, &checkout(), NOW);
            assert_eq!(refusal, Err(Refusal::Elsewhere { head: HEAD[..12].into() }), "{wrong}");
        }
        let further = Known { healthy: Some("cccccccccccc"), ..known() };
        assert_eq!(decide(further, &checkout(), NOW), Err(Refusal::NotOneStep));
    }

    #[test]
    fn each_thing_that_git_says_may_be_the_reason() {
        type Change = fn(&mut Checkout);
        let table: [(Change, Refusal); 8] = [
            (|c| c.parents.push(HEAD.into()), Refusal::Merge),
            (|c| c.parents.clear(), Refusal::Merge),
            (|c| c.message = "Revert \"Slower intake\"".into(), Refusal::RevertOfRevert),
            (|c| c.message = "Back\n\nThis reverts commit 0.".into(), Refusal::RevertOfRevert),
            (|c| c.files.push("migrations/1.sql".into()), Refusal::Migration { file: "migrations/1.sql".into() }),
            (|c| c.busy = true, Refusal::Busy),
            (|c| c.clean = false, Refusal::Dirty),
            (|c| c.branch = None, Refusal::Detached),
        ];
        for (change, refusal) in table {
            let mut changed = checkout();
            change(&mut changed);
            assert_eq!(decide(known(), &changed, NOW), Err(refusal));
        }
    }

    #[test]
    fn once_a_day_by_whatever_clock() {
        for (last, again) in [(0, false), (1, false), (DAY_MS - 1, false), (-DAY_MS + 1, false), (DAY_MS, true)] {
            let known = Known { last_at: Some(NOW - last), ..known() };
            assert_eq!(decide(known, &checkout(), NOW).is_ok(), again, "{last} ms ago");
        }
    }

    #[test]
    fn our_own_commit_is_a_revert_that_is_not_reverted() {
        let words = message(&checkout(), "the bot crashed three times");
        assert!(words.starts_with("Revert \"Faster intake\"\n\nThis reverts commit aaaa"), "{words}");
        let own = Checkout { message: words, ..checkout() };
        assert_eq!(decide(known(), &own, NOW), Err(Refusal::RevertOfRevert));
    }
}
