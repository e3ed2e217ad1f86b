//! `[retention]`: how long what has ended is kept; and `[disk]`: how much room is kept for what was accepted.

use agentlab_domain::retention::{AUDIT_LEAST_DAYS, Ages};
use serde::Deserialize;

/// `[retention]`, in days.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Tasks that ended, with their answers, runs and messages.
    pub jobs_days: i64,
    /// What the agents of runs that are over printed.
    pub runs_days: i64,
    /// Who did what.
    pub audit_days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        let Ages { jobs, runs, audit } = Ages::default();
        Self { jobs_days: jobs, runs_days: runs, audit_days: audit }
    }
}

impl Retention {
    /// The same in the words of the decision.
    pub const fn ages(&self) -> Ages {
        Ages { jobs: self.jobs_days, runs: self.runs_days, audit: self.audit_days }
    }

    /// A sentence that begins with the key that is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let days = |key: &str, days: i64, least: i64| {
            let fits = (least..=MOST_DAYS).contains(&days);
            if fits { Ok(()) } else { Err(format!("retention.{key} must be from {least} to {MOST_DAYS} days")) }
        };
        days("jobs_days", self.jobs_days, 2)?;
        days("runs_days", self.runs_days, 1)?;
        days("audit_days", self.audit_days, AUDIT_LEAST_DAYS)
    }
}

/// A hundred years.
const MOST_DAYS: i64 = 36_500;

/// `[disk]`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Below so many free MiB nothing new is taken; by default 500, or the fiftieth part of a smaller disk.
    pub floor_mb: Option<u64>,
}
