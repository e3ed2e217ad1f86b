//! Budgets. A *reservation* is what a run may spend, set aside before it begins, so that runs side by side cannot pass a
//! budget together; when the run is over, what it cost takes the reservation's place. Money is millionths of a US dollar.
//!
//! A run reserves at most what remains, and is refused only when nothing does. It can pass its own reservation by one call
//! of the service, which tells the cost of a call only after it.

use crate::outcome::Outcome;

/// What a run reserves under a budget of days or months when no task has a limit of its own: five dollars.
pub const SHARE: i64 = 5_000_000;
/// Percent of a budget at which the owner is told.
const MARKS: [i64; 2] = [80, 100];

/// What a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// All runs of one task.
    Job,
    /// One person's runs of a day.
    UserDay,
    /// Everybody's runs of a day.
    Day,
    /// Everybody's runs of a month.
    Month,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Job, Self::UserDay, Self::Day, Self::Month];

    /// The word in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::UserDay => "user_day",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// What people call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Job => "the budget of one task",
            Self::UserDay => "today's budget of one person",
            Self::Day => "today's budget",
            Self::Month => "this month's budget",
        }
    }
}

/// An amount for each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Each<T> {
    pub job: T,
    pub user_day: T,
    pub day: T,
    pub month: T,
}

impl<T: Copy> Each<T> {
    /// The amount of this kind.
    pub const fn of(&self, kind: Kind) -> T {
        match kind {
            Kind::Job => self.job,
            Kind::UserDay => self.user_day,
            Kind::Day => self.day,
            Kind::Month => self.month,
        }
    }
}

/// The limits; `None` where there is none.
pub type Limits = Each<Option<i64>>;
/// What was spent or is reserved.
pub type Used = Each<i64>;

/// Whether a run may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing limits it.
    Free,
    /// It may, with so much.
    Reserve(i64),
    /// Nothing remains of this budget.
    Nothing(Kind),
}

/// The budget decision.
pub fn reserve(limits: &Limits, used: &Used) -> Verdict {
    let mut least: Option<i64> = None;
    for kind in Kind::ALL {
        let Some(limit) = limits.of(kind) else { continue };
        let remains = limit.saturating_sub(used.of(kind));
        if remains <= 0 {
            return Verdict::Nothing(kind);
        }
        least = Some(least.map_or(remains, |least| least.min(remains)));
    }
    match (least, limits.job) {
        (None, _) => Verdict::Free,
        (Some(least), Some(_)) => Verdict::Reserve(least),
        (Some(least), None) => Verdict::Reserve(least.min(SHARE)),
    }
}

/// Whether a run without a known cost cost nothing: an agent that never `began`, or that could not even open its
/// conversation, has asked nothing of the service.
pub fn costs_nothing(outcome: &Outcome, began: bool) -> bool {
    !began
        || match outcome {
            Outcome::SessionLost(_) | Outcome::NotLoggedIn | Outcome::NotStarted(_) => true,
            Outcome::Succeeded
            | Outcome::Refused(_)
            | Outcome::Unavailable(_)
            | Outcome::UsageLimit { .. }
            | Outcome::MaxTurns
            | Outcome::MaxBudget
            | Outcome::Errored(_)
            | Outcome::Crashed(_)
            | Outcome::Stopped { .. }
            | Outcome::TimeLimit
            | Outcome::NoProgress
            | Outcome::Lost
            | Outcome::Unkept { .. }
            | Outcome::Rebooted
            | Outcome::OutOfMemory => false,
        }
}

/// The marks (percent) that spending has reached, the highest first.
pub fn reached(limit: i64, spent: i64) -> impl Iterator<Item = i64> {
    MARKS.into_iter().rev().filter(move |mark| i128::from(spent) * 100 >= i128::from(limit) * i128::from(*mark))
}

/// Whole US dollars and cents, for people.
pub fn dollars(micro: i64) -> String {
    let cents = micro.max(0) / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Limits = Each { job: None, user_day: None, day: None, month: None };

    #[test]
    fn a_run_reserves_at_most_what_remains_of_every_budget_and_is_refused_only_when_nothing_does() {
        let amounts = [None, Some(0), Some(1), Some(7), Some(9_000_000)];
        for job in amounts {
            for user_day in amounts {
                for day in amounts {
                    for month in amounts {
                        for used in [0, 1, 6, 7, 8_999_999] {
                            let limits = Each { job, user_day, day, month };
                            let used = Each { job: used, user_day: used, day: used, month: used };
                            let remains =
                                [job, user_day, day, month].into_iter().flatten().map(|limit| limit - used.day);
                            match (reserve(&limits, &used), remains.min()) {
                                (Verdict::Free, None) => assert_eq!(limits, NONE),
                                (Verdict::Reserve(amount), Some(least)) => assert!(0 < amount && amount <= least),
                                (Verdict::Nothing(_), Some(least)) => assert!(least <= 0),
                                other => panic!("{other:?} {limits:?} {used:?}"),
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn five_tasks_of_a_dollar_fit_into_five_dollars() {
        let limits = Each { job: Some(1_000_000), day: Some(5_000_000), ..NONE };
        let mut used = Used::default();
        for _ in 0..5 {
            assert_eq!(reserve(&limits, &used), Verdict::Reserve(1_000_000));
            used.day += 1_000_000;
        }
        assert_eq!(reserve(&limits, &used), Verdict::Nothing(Kind::Day));
    }

    #[test]
    fn without_a_limit_of_its_own_a_task_takes_a_share_and_not_everything() {
        let limits = Each { month: Some(100_000_000), ..NONE };
        assert_eq!(reserve(&limits, &Used::default()), Verdict::Reserve(SHARE));
    }

    #[test]
    fn a_run_that_was_killed_costs_its_reservation_unless_no_agent_began() {
        assert!(!costs_nothing(&Outcome::Lost, true) && costs_nothing(&Outcome::Unkept { moved: false }, false));
        assert!(costs_nothing(&Outcome::NotLoggedIn, true) && !costs_nothing(&Outcome::Crashed(String::new()), true));
    }

    #[test]
    fn marks_are_reached_once_spent() {
        let marks = |spent| reached(5_000_000, spent).collect::<Vec<_>>();
        assert!(marks(3_999_999).is_empty());
        assert_eq!(marks(4_000_000), [80]);
        assert_eq!(marks(6_000_000), [100, 80]);
        assert_eq!(dollars(4_999_999), "$4.99");
    }
}
