//! What is remembered of one live run between two sweeps: since when it is seen, and what was done about it. Times are the
//! observer's own, so neither a clock that jumps nor a sleeping laptop makes a run older than it is.

use std::time::{Duration, Instant};

use agentlab_domain::orphan;
use agentlab_platform::{clock, run_dir::RunDir, stillness::Stillness};

/// What was done in vain is left alone for so long.
const HOLD: Duration = Duration::from_mins(1);

/// What is remembered of one live run.
#[derive(Debug)]
pub(super) struct Memory {
    first_seen: Instant,
    /// Since when it is known that somebody wants it stopped.
    pub(super) unwanted: Option<Instant>,
    /// Limit and grace of its shim, once they can be read.
    limits: Option<(Duration, Duration)>,
    pub(super) stillness: Stillness,
    pub(super) told: bool,
    pub(super) named: bool,
    /// Settling was tried in vain, or the owner could not be told.
    pub(super) in_vain: Option<Instant>,
}

impl Memory {
    pub(super) fn new() -> Self {
        let first_seen = clock::instant();
        let stillness = Stillness::default();
        Self { first_seen, unwanted: None, limits: None, stillness, told: false, named: false, in_vain: None }
    }

    pub(super) fn rests(&self) -> bool {
        self.in_vain.is_some_and(|at| at.elapsed() < clock::scaled(HOLD))
    }

    /// Whether the shim should have ended long ago.
    pub(super) fn overdue(&mut self, run: &RunDir, unwanted: bool) -> bool {
        self.unwanted = if unwanted { self.unwanted.or_else(|| Some(clock::instant())) } else { None };
        if self.limits.is_none() {
            let spec = run.spec().ok();
            self.limits = spec.map(|spec| (Duration::from_millis(spec.limit_ms), Duration::from_millis(spec.grace_ms)));
        }
        let asked = self.unwanted.map(|at| at.elapsed());
        let patience = clock::scaled(orphan::OVERDUE);
        self.limits
            .is_some_and(|(limit, grace)| orphan::overdue(self.first_seen.elapsed(), asked, limit, grace, patience))
    }
}
