//! Units: what a service manager (systemd, launchd) knows about a post. A *unit* is wanted when its post is, and stays for as long
//! as somebody is at the post: a worker that finishes its last task is not to lose what keeps it.
//!
//! It decides about files and their enabling only; who is started and ended is `domain::plan`.

/// What stands where the unit of a post belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    Absent,
    /// It is what would be written.
    Same,
    /// It is of this home, and something else than what would be written: an earlier release, or changed by hand.
    Differs,
    /// It belongs to another home.
    Foreign,
    CannotTell,
}

/// What is done about it. Each may be done twice without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Nothing,
    /// It is there and right; only its enabling is seen to.
    Enable,
    Write,
    Remove,
}

/// The decision. `kept`: the post is wanted, or somebody is at it.
pub const fn step(found: Found, kept: bool) -> Step {
    match (found, kept) {
        (Found::Foreign | Found::CannotTell, true | false) | (Found::Absent, false) => Step::Nothing,
        (Found::Same, true) => Step::Enable,
        (Found::Absent | Found::Differs, true) => Step::Write,
        (Found::Same | Found::Differs, false) => Step::Remove,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_every_input_nothing_foreign_is_touched_and_doing_it_twice_changes_nothing() {
        for found in [Found::Absent, Found::Same, Found::Differs, Found::Foreign, Found::CannotTell] {
            for kept in [true, false] {
                let first = step(found, kept);
                let then = match first {
                    Step::Nothing | Step::Enable => found,
                    Step::Write => Found::Same,
                    Step::Remove => Found::Absent,
                };
                let ours = !matches!(found, Found::Foreign | Found::CannotTell);
                assert!(ours || first == Step::Nothing, "{found:?}");
                assert_eq!(
                    step(then, kept),
                    if kept && ours { Step::Enable } else { Step::Nothing },
                    "{found:?} {kept}"
                );
                assert_eq!(first == Step::Remove, ours && !kept && found != Found::Absent, "{found:?} {kept}");
            }
        }
    }
}
