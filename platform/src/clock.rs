//! The clock. *Wall time* (Unix milliseconds) is for people and for `run_at`; ages are measured with the monotonic
//! clock. Every time limit goes through `scaled`, so that tests can shorten all of them together.

use std::{
    path::PathBuf,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// For tests: a file with milliseconds that are added to the wall clock. It is read each time, so that a clock can be set while a
/// system runs; no file adds nothing.
pub const SET_BY: &str = "AGENTLAB_TEST_CLOCK_SET_BY";

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    unix_ms(SystemTime::now()).saturating_add(set_by())
}

fn set_by() -> i64 {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os(SET_BY).map(PathBuf::from));
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// A time of the file system in Unix milliseconds.
pub fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds of the monotonic clock since this process first asked.
pub fn monotonic_ms() -> i64 {
    static START: OnceLock<Instant> = OnceLock::new();
    i64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds of the system's monotonic clock, which every process of this boot reads alike.
pub fn boot_ms() -> i64 {
    since(nix::time::ClockId::CLOCK_MONOTONIC)
}

/// The same, and it goes on while the machine sleeps.
pub fn since_boot_ms() -> i64 {
    #[cfg(target_os = "linux")]
    let clock = nix::time::ClockId::CLOCK_BOOTTIME;
    // There the monotonic clock goes on by itself.
    #[cfg(not(target_os = "linux"))]
    let clock = nix::time::ClockId::CLOCK_MONOTONIC;
    since(clock)
}

fn since(clock: nix::time::ClockId) -> i64 {
    let now = nix::time::clock_gettime(clock);
    now.map_or(0, |now| now.tv_sec().saturating_mul(1000).saturating_add(now.tv_nsec() / 1_000_000))
}

/// An instant, for measuring how long something took.
pub fn instant() -> Instant {
    Instant::now()
}

/// A time limit, multiplied by `AGENTLAB_TEST_TIME_SCALE` where that is set (tests only).
pub fn scaled(limit: Duration) -> Duration {
    limit.mul_f64(scale())
}

/// The same for a duration in milliseconds.
pub fn scaled_ms(limit: i64) -> i64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "time limits are small")]
    let scaled = (limit as f64 * scale()) as i64;
    scaled
}

fn scale() -> f64 {
    static SCALE: OnceLock<f64> = OnceLock::new();
    *SCALE.get_or_init(|| {
        let text = std::env::var("AGENTLAB_TEST_TIME_SCALE").unwrap_or_default();
        text.parse().ok().filter(|scale: &f64| scale.is_finite() && *scale > 0.0).unwrap_or(1.0)
    })
}
