//! Alerts: what is told to people about the system itself, beside everything else. A *rule* says what is wrong and for how long
//! it must last; its *subject* is the part of the system that it is wrong with; an *episode* is one time from the beginning
//! of it to its end.
//!
//! What is seen becomes signs (`facts`), signs in a row become episodes (`episode`), and an episode becomes due on a channel or
//! does not (`delivery`). Nothing here is sent, and nothing is healed by it.

pub mod delivery;
pub mod episode;
pub mod facts;
pub mod words;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something was done, and nothing is left to do.
    Info,
    /// Something goes on as well as it can; somebody should look.
    Warning,
    /// What was promised is not done, or soon will not be.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word in the configuration, in rows and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A component is dead or hangs, and was not back within a minute: the first notice.
    ComponentDown,
    /// A bot is configured, and for five minutes nobody asked Telegram for messages and got an answer.
    BotDown,
    /// More errors a minute than may be, for five minutes.
    HighErrorRate,
    /// More tasks wait for a worker than should, for ten minutes.
    WorkerPoolSaturated,
    /// The disk of the home is nearly full.
    DiskFull,
    /// Most of a budget of a day or a month is spent.
    ApiCostLimit,
    /// No backup that can be restored was made for three times as long as is between two.
    BackupOld,
    /// A loop that looks for what is wrong does not turn.
    DetectorSilent,
    /// Something was done to heal the system, or could not be.
    RecoveryAction,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 9] = [
        Self::ComponentDown,
        Self::BotDown,
        Self::HighErrorRate,
        Self::WorkerPoolSaturated,
        Self::DiskFull,
        Self::ApiCostLimit,
        Self::BackupOld,
        Self::DetectorSilent,
        Self::RecoveryAction,
    ];

    /// The word in rows and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ComponentDown => "component_down",
            Self::BotDown => "bot_down",
            Self::HighErrorRate => "high_error_rate",
            Self::WorkerPoolSaturated => "worker_pool_saturated",
            Self::DiskFull => "disk_full",
            Self::ApiCostLimit => "api_cost_limit",
            Self::BackupOld => "backup_old",
            Self::DetectorSilent => "detector_silent",
            Self::RecoveryAction => "recovery_action",
        }
    }

    /// The rule with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_again_and_none_stands_for_two() {
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.as_str()), Some(severity));
        }
        for rule in Rule::ALL {
            assert_eq!(Rule::parse(rule.as_str()), Some(rule));
        }
        assert!(Severity::parse("fatal").is_none() && Rule::parse("").is_none());
        assert!(Severity::Info < Severity::Warning && Severity::Warning < Severity::Critical);
    }
}
