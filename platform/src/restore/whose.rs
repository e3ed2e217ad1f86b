//! Whose: of which database this home is, by the *id* that every database has from its first transaction on. Somebody may have put the
//! backup, the journal or the file of another home into this one; none of them alone is believed.

use crate::{
    backup::{self, Backup},
    home::Home,
    journal::{self, Leap},
    run_dir,
};

/// Whose this home is.
#[derive(Debug, Clone)]
pub(super) struct Whose {
    /// The id of its database; `None` where nothing tells, or one could as well be the other.
    pub(super) id: Option<String>,
    /// Where the numbers of its transactions leap.
    leaps: Vec<Leap>,
}

impl Whose {
    pub(super) fn of(home: &Home) -> Self {
        let backups: Vec<String> =
            backup::all(home).into_iter().map(|one| one.db).filter(|id| !id.is_empty()).collect();
        // A journal that cannot be read tells nothing; whoever needs it says so.
        let journal = journal::read(home, None, 0).unwrap_or_default();
        let runs = run_dir::rows::all(home).pop().map(|line| line.db);
        let id = agreed(journal.db.as_deref(), runs.as_deref(), &backups);
        let leaps = if id == journal.db { journal.leaps } else { Vec::new() };
        Self { id, leaps }
    }

    /// Whether a backup is not of this home, or of what was given up.
    pub(super) fn is_foreign(&self, backup: &Backup) -> bool {
        let other = !backup.db.is_empty() && self.id.as_ref().is_some_and(|id| *id != backup.db);
        other || self.is_left(backup)
    }

    fn is_left(&self, backup: &Backup) -> bool {
        self.id.as_ref() == Some(&backup.db) && self.leaps.iter().any(|leap| leap.is_left(backup.seq))
    }

    /// Why a backup is not to be begun with, without beginning with it: it is of another home, or not as it was made.
    pub(super) fn unfit(&self, home: &Home, backup: &Backup) -> Option<String> {
        if self.is_left(backup) {
            let why = "it is of what was given up when the database was restored from an older one: what came later cannot be joined to it";
            return Some(why.to_owned());
        }
        if self.is_foreign(backup) { Some("it is of another home".to_owned()) } else { backup::known_bad(home, backup) }
    }
}

/// Every backup, the one that holds most first: what came from elsewhere has a number that says nothing.
pub(super) fn latest_first(home: &Home) -> Vec<Backup> {
    let mut all = backup::all(home);
    all.sort_by_key(|backup| std::cmp::Reverse((backup.seq, backup.number)));
    all
}

/// What two of journal, runs and backups agree on; else what the journal says where it is alone, or all backups do.
fn agreed(journal: Option<&str>, runs: Option<&str>, backups: &[String]) -> Option<String> {
    let in_backups = |id: &&str| backups.iter().any(|backup| backup == id);
    let agreed = journal.filter(|id| runs == Some(*id) || in_backups(id)).or(runs.filter(in_backups));
    let alone = || journal.filter(|_| runs.is_none() && backups.is_empty());
    let all = || backups.first().map(String::as_str).filter(|first| backups.iter().all(|backup| backup == first));
    agreed.or_else(alone).or_else(all).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_another_home_among_them_changes_nothing() {
        let (ours, both, theirs) = (vec!["a".to_owned(); 2], vec!["b".to_owned(), "a".into()], vec!["b".to_owned()]);
        for (journal, runs, backups, found) in [
            (Some("a"), Some("a"), &ours, Some("a")),
            (Some("a"), Some("a"), &both, Some("a")),
            (Some("a"), Some("a"), &theirs, Some("a")),
            (Some("a"), None, &both, Some("a")),
            (Some("b"), Some("a"), &ours, Some("a")),
            (Some("b"), None, &ours, Some("a")),
            (None, Some("a"), &both, Some("a")),
            (None, None, &ours, Some("a")),
            (None, None, &theirs, Some("b")),
            (None, None, &both, None),
            (Some("a"), None, &vec![], Some("a")),
            (None, None, &vec![], None),
        ] {
            assert_eq!(agreed(journal, runs, backups).as_deref(), found, "{journal:?} {runs:?} {backups:?}");
        }
    }
}
