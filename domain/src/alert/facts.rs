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
    /// For so long there may have been no new backup.
    pub backup_old: Duration,
    /// For so long a component may be away.
    pub component_down: Duration,
    /// For so long a detector may be silent.
    pub detector_silent: Duration,
}

/// What is proved of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proved {
    /// A process is there, and is ready.
    Ready,
    /// None is: it is dead, stands still, hangs or is not ready.
    Away,
    /// No ready process, and nobody can tell whether the lock is held: so nobody is started there either.
    Unkept,
    /// Neither: somebody holds the lock, and nothing more is known.
    Nothing,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Every wanted post, and what is proved of it.
    pub posts: Vec<(Post, Proved)>,
    /// For how long no bot that is ready had an answer to its question for messages; `None` where no bot is wanted.
    pub bot_quiet: Option<Duration>,
    /// How full the disk is, in percent.
    pub disk: Option<u64>,
    /// The age of the newest backup; of a system that has none yet, its own.
    pub backup: Option<Duration>,
    /// For how long backups have had no copy in the second folder; zero where they have, or none is wanted.
    pub uncopied: Option<Duration>,
    pub rows: Option<Rows>,
    /// Detectors as "process/loop", and whether each is silent.
    pub detectors: Vec<(String, bool)>,
}

/// What the rows say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// Tasks that a worker could take now, if one were free.
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
    /// Nobody is started there, since nobody can tell whether somebody is.
    pub unkept: bool,
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

/// The subject of backups' copies in the second folder.
pub const COPY: &str = "copy";

/// What the rules say of these facts. A subject that none of them names is well.
pub fn judge(facts: &Facts, limits: &Limits) -> Vec<Finding> {
    let mut findings = components(facts, limits);
    let mut find = |rule, severity, subject: &str, measured: Option<(u64, bool)>, pending| {
        let (measured, sign) = match measured {
            Some((measured, true)) => (measured, Sign::Wrong),
            Some((measured, false)) => (measured, Sign::Well),
            None => (0, Sign::CannotTell),
        };
        findings.push(Finding { rule, severity, subject: subject.to_owned(), sign, pending, measured, unkept: false });
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
    let backup = facts.backup.map(|age| (age.as_secs(), age >= limits.backup_old));
    // A machine that was off for long makes one soon after.
    find(Rule::BackupOld, Severity::Warning, "backup", backup, limits.backup_old / 12);
    let uncopied = facts.uncopied.map(|time| (time.as_secs(), time >= limits.backup_old));
    find(Rule::BackupOld, Severity::Warning, COPY, uncopied, limits.backup_old / 12);
    for (name, silent) in &facts.detectors {
        find(Rule::DetectorSilent, Severity::Critical, name, Some((0, *silent)), limits.detector_silent);
    }
    findings
}

/// Who is away. Where no worker is proved to be ready that is one finding, and a critical one: each of them alone is not.
fn components(facts: &Facts, limits: &Limits) -> Vec<Finding> {
    let workers: Vec<Proved> =
        facts.posts.iter().filter(|(post, _)| post.role == Role::Worker).map(|(_, proved)| *proved).collect();
    let none = !workers.contains(&Proved::Ready);
    let finding = |severity, subject: String, sign, unkept| Finding {
        rule: Rule::ComponentDown,
        severity,
        subject,
        sign,
        pending: limits.component_down,
        measured: limits.component_down.as_secs(),
        unkept,
    };
    let mut findings: Vec<Finding> = facts
        .posts
        .iter()
        .map(|(post, proved)| {
            let (severity, sign) = match post.role {
                // It is said of all of them.
                Role::Worker if none => (Severity::Warning, Sign::CannotTell),
                Role::Worker | Role::Console => (Severity::Warning, sign(*proved)),
                Role::Bot | Role::Supervisor => (Severity::Critical, sign(*proved)),
            };
            finding(severity, post.to_string(), sign, *proved == Proved::Unkept)
        })
        .collect();
    if !workers.is_empty() {
        // One of which nothing is proved does no work that anybody could see.
        let sign = if none { Sign::Wrong } else { Sign::Well };
        findings.push(finding(Severity::Critical, WORKERS.to_owned(), sign, workers.contains(&Proved::Unkept)));
    }
    findings
}

const fn sign(proved: Proved) -> Sign {
    match proved {
        Proved::Ready => Sign::Well,
        Proved::Away | Proved::Unkept => Sign::Wrong,
        Proved::Nothing => Sign::CannotTell,
    }
}

#[cfg(test)]
mod tests;
