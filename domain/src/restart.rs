//! How long a start is put off. *Ready* means that a process had said so in its life.
//!
//! Which end leads to which wait, and what to do when restarts do not help, is the ladder's business.

use std::time::Duration;

/// Delays before the second, third and later starts of a process that dies before it is ready.
const STEPS: [u64; 4] = [2, 5, 10, 30];
/// A process that refused (a taken port, a wrong token) is tried again this often: nothing but a person's change helps.
const REFUSED: Duration = Duration::from_mins(1);

/// How long a process waits that finds the database locked at its start, before it tries again: it never gives up.
///
/// `tries` counts from 1; `jitter` as in `delay`.
pub fn locked(tries: u32, jitter: f64) -> Duration {
    delay(End::NeverReady, tries.min(3), jitter)
}

/// How a process ended that is not started again at once; which ends those are is the ladder's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It died before it was ready.
    NeverReady,
    /// It refused to start, with one of the exit codes for that.
    Refused,
}

/// How long to wait before the next start.
///
/// `in_a_row` counts the deaths before ready that came one after the other, this one included (from 1); `jitter` is a
/// draw from 0 to 1, which adds up to a quarter, so that three workers do not come back in step.
pub fn delay(end: End, in_a_row: u32, jitter: f64) -> Duration {
    match end {
        End::Refused => REFUSED,
        End::NeverReady => {
            let last = STEPS.len() - 1;
            let step = usize::try_from(in_a_row.saturating_sub(1)).map_or(last, |step| step.min(last));
            let base = STEPS.get(step).copied().unwrap_or(30);
            Duration::from_secs(base).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_was_ready_waits_longer_each_time() {
        let waits: Vec<u64> = (1..=6).map(|n| delay(End::NeverReady, n, 0.0).as_secs()).collect();
        assert_eq!(waits, [2, 5, 10, 30, 30, 30]);
        assert_eq!(delay(End::NeverReady, 2, 1.0), Duration::from_millis(6250));
        assert_eq!(delay(End::Refused, 1, 0.5), Duration::from_mins(1));
    }
}
