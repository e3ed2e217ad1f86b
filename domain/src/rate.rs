//! Rate limits. What counts of a person's requests are the tasks and the counted commands that were taken; what was refused does not count, so
//! that somebody who goes on asking is not kept out by that.
//!
//! Windows slide: what was taken more than a minute (an hour) ago is forgotten. This decides from the times of the
//! requests that are kept in rows, so it knows nothing of restarts.

/// How many requests of one person are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub per_minute: u32,
    pub per_hour: u32,
}

/// The stretch of time that a limit counts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Minute,
    Hour,
}

impl Span {
    /// Every span.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Its length in milliseconds.
    pub const fn ms(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }

    /// How many requests it holds; a limit below one would keep everybody out for ever.
    const fn most(self, limits: Limits) -> usize {
        let most = match self {
            Self::Minute => limits.per_minute,
            Self::Hour => limits.per_hour,
        };
        if most == 0 { 1 } else { most as usize }
    }
}

/// What is done with one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    Allowed,
    /// Not before `until` (Unix milliseconds), by this limit.
    Limited {
        until: i64,
        span: Span,
    },
}

/// Decides a request at `now`; `taken` are the times (Unix milliseconds, in any order) of those that were taken.
///
/// A time after `now` was written before the clock was set back. It is passed over: it must not keep its writer out until
/// the clock has caught up.
pub fn decide(taken: &[i64], limits: Limits, now: i64) -> Rate {
    let mut past: Vec<i64> = taken.iter().copied().filter(|at| *at <= now).collect();
    past.sort_unstable();
    let limited = Span::ALL.into_iter().filter_map(|span| {
        let counted = past.iter().filter(|at| now - **at < span.ms()).count();
        // When this one is forgotten, one less than the limit is left.
        let first = counted.checked_sub(span.most(limits))? + past.len() - counted;
        Some((past.get(first)? + span.ms(), span))
    });
    match limited.max_by_key(|(until, _)| *until) {
        Some((until, span)) => Rate::Limited { until, span },
        None => Rate::Allowed,
    }
}

/// What the person is told whose request was not taken at `now`.
pub fn words(limits: Limits, span: Span, until: i64, now: i64) -> String {
    let wait = (until - now).max(1);
    let again = match span {
        Span::Minute => format!("{} s", (wait + 999) / 1_000),
        Span::Hour => format!("{} min", (wait + 59_999) / 60_000),
    };
    let limit = match span {
        Span::Minute => many(limits.per_minute, "a minute"),
        Span::Hour => many(limits.per_hour, "an hour"),
    };
    format!("Too much at once: {limit} taken from one person. This one was not taken; send it again in {again}.")
}

fn many(count: u32, span: &str) -> String {
    if count == 1 { format!("1 task {span} is") } else { format!("{count} tasks {span} are") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Limits = Limits { per_minute: 30, per_hour: 500 };

    #[test]
    fn the_thirty_first_of_a_minute_waits_until_the_first_is_forgotten() {
        let taken: Vec<i64> = (0..30).map(|n| 1_000_000 + n * 10).collect();
        let now = 1_001_000;
        assert_eq!(decide(&taken[..29], DEFAULT, now), Rate::Allowed);
        assert_eq!(decide(&taken, DEFAULT, now), Rate::Limited { until: 1_060_000, span: Span::Minute });
        assert_eq!(decide(&taken, DEFAULT, 1_059_999), Rate::Limited { until: 1_060_000, span: Span::Minute });
        assert_eq!(decide(&taken, DEFAULT, 1_060_000), Rate::Allowed, "at the time that was told");
        let reversed: Vec<i64> = taken.iter().rev().copied().collect();
        assert_eq!(decide(&reversed, DEFAULT, now), decide(&taken, DEFAULT, now), "the order does not matter");
    }

    #[test]
    fn the_hour_counts_what_the_minute_has_forgotten_and_the_later_time_is_told() {
        let slow: Vec<i64> = (0..500).map(|n| n * 6_000).collect();
        let now = 499 * 6_000 + 1;
        assert_eq!(decide(&slow, DEFAULT, now), Rate::Limited { until: 3_600_000, span: Span::Hour });
        assert_eq!(decide(&slow, DEFAULT, 3_600_000), Rate::Allowed);
        let both = Limits { per_minute: 2, per_hour: 2 };
        assert_eq!(decide(&[0, 1], both, 2), Rate::Limited { until: 3_600_000, span: Span::Hour });
        let tight = Limits { per_minute: 2, per_hour: 9 };
        assert_eq!(decide(&[0, 1], tight, 2), Rate::Limited { until: 60_000, span: Span::Minute });
    }

    #[test]
    fn more_than_the_limit_in_rows_waits_until_enough_of_them_are_forgotten() {
        // The limit was lowered since.
        let limits = Limits { per_minute: 2, per_hour: 500 };
        assert_eq!(decide(&[10, 20, 30, 40], limits, 50), Rate::Limited { until: 60_030, span: Span::Minute });
    }

    #[test]
    fn rows_from_the_future_keep_nobody_out() {
        let future: Vec<i64> = (0..600).map(|n| 9_000_000_000 + n).collect();
        assert_eq!(decide(&future, DEFAULT, 1_000), Rate::Allowed);
        let mixed: Vec<i64> = future.iter().copied().chain((0..30).map(|n| 900 + n)).collect();
        assert_eq!(decide(&mixed, DEFAULT, 1_000), Rate::Limited { until: 60_900, span: Span::Minute });
    }

    /// Whoever always sends again as soon as is told gets exactly the limit, in every stretch of either length.
    #[test]
    fn every_stretch_of_time_holds_the_limit_and_the_time_that_is_told_is_the_first_that_is_allowed() {
        for limits in [
            Limits { per_minute: 3, per_hour: 7 },
            Limits { per_minute: 1, per_hour: 4 },
            Limits { per_minute: 9, per_hour: 2 },
            Limits { per_minute: 0, per_hour: 0 },
        ] {
            let (mut taken, mut now): (Vec<i64>, i64) = (Vec::new(), 5);
            for step in 0..400 {
                match decide(&taken, limits, now) {
                    Rate::Allowed => taken.push(now),
                    Rate::Limited { until, .. } => {
                        assert!(until > now);
                        assert_ne!(decide(&taken, limits, until - 1), Rate::Allowed, "{limits:?} {step}");
                        assert_eq!(decide(&taken, limits, until), Rate::Allowed, "{limits:?} {step}");
                        now = until;
                        continue;
                    }
                }
                now += [0, 1, 700, 59_999, 60_000][step % 5];
            }
            for span in Span::ALL {
                for from in &taken {
                    let within = taken.iter().filter(|at| (0..span.ms()).contains(&(**at - from))).count();
                    assert!(within <= span.most(limits), "{limits:?} {span:?}: {within}");
                }
            }
            assert!(taken.len() > 4, "nobody is kept out for ever");
        }
    }

    #[test]
    fn the_words_say_when_to_try_again() {
        let limits = Limits { per_minute: 30, per_hour: 1 };
        assert_eq!(
            words(limits, Span::Minute, 42_001, 1),
            "Too much at once: 30 tasks a minute are taken from one person. This one was not taken; send it again in 42 s."
        );
        assert!(words(limits, Span::Minute, 42_002, 1).ends_with("in 43 s."), "never too early");
        let hour = words(limits, Span::Hour, 6 * 60_000 + 1, 0);
        assert!(hour.contains("1 task an hour is taken") && hour.ends_with("in 7 min."), "{hour}");
    }
}
