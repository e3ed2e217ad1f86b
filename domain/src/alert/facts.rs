//! Facts: what one look at the system found, and what the rules say of it. A *finding* is a sign of one rule for one subject; a
//! rule whose facts cannot be read says so, and the others go on.

use std::time::Duration;

use super::{Rule, Severity, episode::Sign};
use crate::role::{Post, Role};

/// Where the rules begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For so long nobody may have had an answer from Telegram.
    pub bot_down: Duration,
    /// More errors than this in a minute are too many.
    pub errors: u64,
    pub errors_for: Duration,
    /// More tasks than this are too many.
    pub depth: u64,
    pub depth_for: Duration,
    /// From so many percent on the disk is full.
    pub disk_percent: u64,
    /// From so many percent on a budget is nearly spent.
    pub cost_percent: u64,
    /// For so long a component may be away.
    pub component_down: Duration,
    /// For so long a detector may be silent.
    pub detector_silent: Duration,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Every wanted post, and whether its process is ready; `None` where that cannot be told.
    pub posts: Vec<(Post, Option<bool>)>,
    /// For how long no bot that is ready had an answer to its question for messages; `None` where no bot is wanted.
    pub bot_quiet: Option<Duration>,
    /// How full the disk is, in percent.
    pub disk: Option<u64>,
    pub rows: Option<Rows>,
    /// Detectors as "process/loop", and whether each is silent.
    pub detectors: Vec<(String, bool)>,
}

/// What the rows say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// Tasks that wait for a worker.
    pub depth: u64,
    /// Errors within the last minute: runs that ended badly and not because somebody or a limit of an account stopped them, and
    /// calls of Claude's API or of Telegram that failed.
    pub errors: u64,
    /// What is spent, and the budget; millionths of a dollar.
    pub day: Option<Spent>,
    pub month: Option<Spent>,
}

/// A budget, and what of it is spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub spent: i64,
    pub limit: i64,
}

impl Spent {
    fn percent(self) -> u64 {
        u64::try_from(i128::from(self.spent.max(0)) * 100 / i128::from(self.limit.max(1))).unwrap_or(u64::MAX)
    }
}

/// What a rule says of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    pub subject: String,
    pub sign: Sign,
    /// For so long it must be wrong.
    pub pending: Duration,
    /// What was measured, for the words.
    pub measured: u64,
}

impl Finding {
    /// One name for rule and subject.
    pub fn key(&self) -> String {
        key(self.rule, &self.subject)
    }
}

/// The name of what a rule says of a subject.
pub fn key(rule: Rule, subject: &str) -> String {
    format!("{}:{subject}", rule.as_str())
}

/// The subject where no worker at all is there.
pub const WORKERS: &str = "workers";

/// What the rules say of these facts. A subject that none of them names is well.
pub fn judge(facts: &Facts, limits: &Limits) -> Vec<Finding> {
    let mut findings = components(facts, limits);
    let mut find = |rule, severity, subject: &str, measured: Option<(u64, bool)>, pending| {
        let (measured, sign) = match measured {
            Some((measured, true)) => (measured, Sign::Wrong),
            Some((measured, false)) => (measured, Sign::Well),
            None => (0, Sign::CannotTell),
        };
        findings.push(Finding { rule, severity, subject: subject.to_owned(), sign, pending, measured });
    };
    if let Some(quiet) = facts.bot_quiet {
        let measured = Some((quiet.as_secs(), quiet >= limits.bot_down));
        find(Rule::BotDown, Severity::Critical, Role::Bot.as_str(), measured, Duration::ZERO);
    }
    let errors = facts.rows.map(|rows| (rows.errors, rows.errors > limits.errors));
    find(Rule::HighErrorRate, Severity::Warning, "tasks", errors, limits.errors_for);
    let depth = facts.rows.map(|rows| (rows.depth, rows.depth > limits.depth));
    find(Rule::WorkerPoolSaturated, Severity::Warning, "queue", depth, limits.depth_for);
    let disk = facts.disk.map(|percent| (percent, percent >= limits.disk_percent));
    find(Rule::DiskFull, Severity::Critical, "disk", disk, Duration::ZERO);
    for (subject, spent) in [("day", facts.rows.map(|rows| rows.day)), ("month", facts.rows.map(|rows| rows.month))] {
        let percent = spent.map(|spent| spent.map_or(0, Spent::percent));
        let measured = percent.map(|percent| (percent, percent >= limits.cost_percent));
        find(Rule::ApiCostLimit, Severity::Warning, subject, measured, Duration::ZERO);
    }
    for (name, silent) in &facts.detectors {
        find(Rule::DetectorSilent, Severity::Critical, name, Some((0, *silent)), limits.detector_silent);
    }
    findings
}

/// Who is away. Where no worker is there at all that is one finding, and a critical one: each of them alone is not.
fn components(facts: &Facts, limits: &Limits) -> Vec<Finding> {
    let workers: Vec<Option<bool>> =
        facts.posts.iter().filter(|(post, _)| post.role == Role::Worker).map(|(_, ready)| *ready).collect();
    let none = workers.iter().all(|ready| *ready == Some(false));
    let finding = |severity, subject: String, ready: Option<bool>| Finding {
        rule: Rule::ComponentDown,
        severity,
        subject,
        sign: match ready {
            Some(true) => Sign::Well,
            Some(false) => Sign::Wrong,
            None => Sign::CannotTell,
        },
        pending: limits.component_down,
        measured: limits.component_down.as_secs(),
    };
    let mut findings: Vec<Finding> = facts
        .posts
        .iter()
        .map(|(post, ready)| match post.role {
            Role::Worker => finding(Severity::Warning, post.to_string(), if none { None } else { *ready }),
            Role::Console => finding(Severity::Warning, post.to_string(), *ready),
            Role::Bot | Role::Supervisor => finding(Severity::Critical, post.to_string(), *ready),
        })
        .collect();
    if !workers.is_empty() {
        // One that cannot be told may be there.
        let some = if none { Some(false) } else { workers.contains(&Some(true)).then_some(true) };
        findings.push(finding(Severity::Critical, WORKERS.to_owned(), some));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bot_down: Duration::from_mins(5),
        errors: 10,
        errors_for: Duration::from_mins(5),
        depth: 20,
        depth_for: Duration::from_mins(10),
        disk_percent: 90,
        cost_percent: 80,
        component_down: Duration::from_mins(1),
        detector_silent: Duration::from_secs(30),
    };

    fn sign(facts: &Facts, rule: Rule, subject: &str) -> Option<Sign> {
        let findings = judge(facts, &LIMITS);
        let keys: std::collections::BTreeSet<String> = findings.iter().map(Finding::key).collect();
        assert_eq!(keys.len(), findings.len(), "one finding for one subject");
        findings.iter().find(|found| found.rule == rule && found.subject == subject).map(|found| found.sign)
    }

    #[test]
    fn each_rule_begins_where_it_is_said_to() {
        let rows = |rows: Rows| Facts { rows: Some(rows), ..Facts::default() };
        let spent = |spent| Some(Spent { spent, limit: 1_000 });
        for (facts, rule, subject, expected) in [
            (Facts { bot_quiet: Some(Duration::from_secs(299)), ..Facts::default() }, Rule::BotDown, "bot", Sign::Well),
            (Facts { bot_quiet: Some(Duration::from_mins(5)), ..Facts::default() }, Rule::BotDown, "bot", Sign::Wrong),
            (rows(Rows { errors: 10, ..Rows::default() }), Rule::HighErrorRate, "tasks", Sign::Well),
            (rows(Rows { errors: 11, ..Rows::default() }), Rule::HighErrorRate, "tasks", Sign::Wrong),
            (rows(Rows { depth: 20, ..Rows::default() }), Rule::WorkerPoolSaturated, "queue", Sign::Well),
            (rows(Rows { depth: 21, ..Rows::default() }), Rule::WorkerPoolSaturated, "queue", Sign::Wrong),
            (Facts { disk: Some(89), ..Facts::default() }, Rule::DiskFull, "disk", Sign::Well),
            (Facts { disk: Some(90), ..Facts::default() }, Rule::DiskFull, "disk", Sign::Wrong),
            (rows(Rows { day: spent(799), ..Rows::default() }), Rule::ApiCostLimit, "day", Sign::Well),
            (rows(Rows { day: spent(800), ..Rows::default() }), Rule::ApiCostLimit, "day", Sign::Wrong),
            (rows(Rows { month: spent(i64::MAX), ..Rows::default() }), Rule::ApiCostLimit, "month", Sign::Wrong),
            (rows(Rows { day: spent(-5), ..Rows::default() }), Rule::ApiCostLimit, "day", Sign::Well),
            (rows(Rows::default()), Rule::ApiCostLimit, "month", Sign::Well),
            (
                Facts { detectors: vec![("bot/watch".into(), true)], ..Facts::default() },
                Rule::DetectorSilent,
                "bot/watch",
                Sign::Wrong,
            ),
        ] {
            assert_eq!(sign(&facts, rule, subject), Some(expected), "{facts:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_accuses_nobody_and_keeps_no_other_rule_from_its_word() {
        let facts = Facts { disk: Some(95), ..Facts::default() };
        for (rule, subject) in [
            (Rule::HighErrorRate, "tasks"),
            (Rule::WorkerPoolSaturated, "queue"),
            (Rule::ApiCostLimit, "day"),
            (Rule::ApiCostLimit, "month"),
        ] {
            assert_eq!(sign(&facts, rule, subject), Some(Sign::CannotTell));
        }
        assert_eq!(sign(&facts, Rule::DiskFull, "disk"), Some(Sign::Wrong));
        assert_eq!(sign(&Facts::default(), Rule::DiskFull, "disk"), Some(Sign::CannotTell));
        assert_eq!(sign(&facts, Rule::BotDown, "bot"), None, "no bot is wanted");
    }

    #[test]
    fn of_the_workers_one_is_a_warning_and_all_of_them_one_critical_alert() {
        let known = [None, Some(true), Some(false)];
        for first in known {
            for second in known {
                let worker = |slot, ready| (Post { role: Role::Worker, slot }, ready);
                let facts = Facts { posts: vec![worker(1, first), worker(2, second)], ..Facts::default() };
                let all = sign(&facts, Rule::ComponentDown, WORKERS);
                let one = sign(&facts, Rule::ComponentDown, "worker-1");
                let expected = match (first, second) {
                    (Some(false), Some(false)) => (Sign::Wrong, Sign::CannotTell),
                    (Some(true), _) => (Sign::Well, Sign::Well),
                    (Some(false), Some(true)) => (Sign::Well, Sign::Wrong),
                    (Some(false), None) => (Sign::CannotTell, Sign::Wrong),
                    (None, Some(true)) => (Sign::Well, Sign::CannotTell),
                    (None, Some(false) | None) => (Sign::CannotTell, Sign::CannotTell),
                };
                assert_eq!((all, one), (Some(expected.0), Some(expected.1)), "{first:?} {second:?}");
            }
        }
        assert_eq!(sign(&Facts::default(), Rule::ComponentDown, WORKERS), None);
    }

    #[test]
    fn a_bot_that_is_away_is_critical_and_a_console_is_not() {
        let post = |role| (Post { role, slot: 0 }, Some(false));
        let facts = Facts { posts: vec![post(Role::Bot), post(Role::Console)], ..Facts::default() };
        let severities: Vec<(String, Severity)> = judge(&facts, &LIMITS)
            .into_iter()
            .filter(|found| found.rule == Rule::ComponentDown)
            .map(|found| (found.subject, found.severity))
            .collect();
        assert_eq!(severities, [("bot".to_owned(), Severity::Critical), ("console".to_owned(), Severity::Warning)]);
    }
}
