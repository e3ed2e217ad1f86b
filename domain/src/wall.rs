//! The wall clock, as rows know it. A clock is *set* when it moves otherwise than time passes: time is what the system's own count
//! since its start says, which goes on while the machine sleeps and which nobody sets. What follows for rows is in
//! `platform/src/db/wall.rs`.
//!
//! The *believed* time is what may be deleted by: never ahead of the wall clock, and never ahead of what is proved. A clock that was
//! set ten days forward is believed once it has stood for a day; until then as much time is believed as really passed.

/// A difference of less is no setting: clocks are kept right by small steps.
pub const SET_MS: i64 = 300_000;

/// How much it takes to believe a clock. A value, since tests shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A clock that was set is believed when it has stood for so long.
    pub proof_ms: i64,
    /// A machine that was out for no longer may be believed to have been.
    pub away_ms: i64,
}

/// The terms as they are promised: a day, and a week.
pub const TERMS: Terms = Terms { proof_ms: 86_400_000, away_ms: 7 * 86_400_000 };

/// A moment by both clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Which start of the system `boot_ms` counts from.
    pub boot: String,
    pub boot_ms: i64,
    /// Unix milliseconds.
    pub wall_ms: i64,
}

/// What is known since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub at: Moment,
    /// Unix milliseconds.
    pub believed_ms: i64,
    /// For so long the clock has stood since it was set last.
    pub steady_ms: i64,
}

/// What happened to the clock since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// As time passes.
    No,
    /// It was set forward by so much.
    Forward(i64),
    /// It was set back by so much, at least.
    Back(i64),
    /// The system was started again, and the clock says that it was out for long. Nobody can tell.
    Away,
}

/// What is known after one more look.
pub fn look(known: Option<&Known>, now: Moment, terms: Terms) -> (Known, Moved) {
    let Some(known) = known else {
        // Nothing is in the rows yet that a wrong clock could cost.
        let believed_ms = now.wall_ms;
        return (Known { at: now, believed_ms, steady_ms: terms.proof_ms }, Moved::No);
    };
    let moved = moved(&known.at, &now, terms);
    let passed = if known.at.boot == now.boot { now.boot_ms - known.at.boot_ms } else { now.boot_ms }.max(0);
    let steady_ms = match moved {
        Moved::No => known.steady_ms.saturating_add(passed).min(terms.proof_ms),
        Moved::Forward(_) | Moved::Back(_) | Moved::Away => 0,
    };
    // Over a start of the system as much passed as the clock says, if that can be.
    let between = match moved {
        Moved::No => now.wall_ms - known.at.wall_ms,
        Moved::Forward(_) | Moved::Back(_) | Moved::Away => passed,
    };
    let proved =
        if steady_ms >= terms.proof_ms { now.wall_ms } else { known.believed_ms.saturating_add(between.max(0)) };
    let believed_ms = proved.min(now.wall_ms);
    (Known { at: now, believed_ms, steady_ms }, moved)
}

fn moved(before: &Moment, now: &Moment, terms: Terms) -> Moved {
    let by_the_clock = now.wall_ms - before.wall_ms;
    if before.boot == now.boot {
        let by = by_the_clock - (now.boot_ms - before.boot_ms);
        return if by >= SET_MS {
            Moved::Forward(by)
        } else if by <= -SET_MS {
            Moved::Back(-by)
        } else {
            Moved::No
        };
    }
    if by_the_clock <= -SET_MS {
        Moved::Back(-by_the_clock)
    } else if by_the_clock > terms.away_ms {
        Moved::Away
    } else {
        Moved::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    /// A machine whose clock somebody sets.
    struct Machine {
        boot: u32,
        boot_ms: i64,
        wall_ms: i64,
        known: Option<Known>,
    }

    impl Machine {
        fn new() -> Self {
            let mut machine = Self { boot: 1, boot_ms: 1_000, wall_ms: 1_000 * DAY, known: None };
            assert_eq!(machine.look(), Moved::No);
            machine
        }

        fn look(&mut self) -> Moved {
            let now = Moment { boot: self.boot.to_string(), boot_ms: self.boot_ms, wall_ms: self.wall_ms };
            let (known, moved) = look(self.known.as_ref(), now, TERMS);
            assert!(known.believed_ms <= self.wall_ms, "never ahead of the clock");
            self.known = Some(known);
            moved
        }

        fn pass(&mut self, ms: i64) -> Moved {
            self.boot_ms += ms;
            self.wall_ms += ms;
            self.look()
        }

        fn set(&mut self, by: i64) -> Moved {
            self.wall_ms += by;
            self.look()
        }

        fn start_again(&mut self, out: i64) -> Moved {
            (self.boot, self.boot_ms) = (self.boot + 1, 5_000);
            self.wall_ms += out + 5_000;
            self.look()
        }

        /// How far the believed time is behind the clock.
        fn behind(&self) -> i64 {
            self.wall_ms - self.known.as_ref().map_or(0, |known| known.believed_ms)
        }
    }

    #[test]
    fn time_that_passes_is_believed_and_so_is_a_small_step() {
        let mut machine = Machine::new();
        for _ in 0..100 {
            assert_eq!(machine.pass(HOUR), Moved::No);
            assert_eq!(machine.set(SET_MS - 1), Moved::No);
            assert_eq!(machine.set(1 - SET_MS), Moved::No);
        }
        assert_eq!(machine.behind(), 0);
    }

    #[test]
    fn ten_days_forward_and_back_are_seen_and_never_believed() {
        let mut machine = Machine::new();
        assert_eq!(machine.set(10 * DAY), Moved::Forward(10 * DAY));
        assert_eq!(machine.behind(), 10 * DAY);
        assert_eq!(machine.pass(HOUR), Moved::No, "it is seen once");
        assert_eq!(machine.behind(), 10 * DAY, "an hour passed, and an hour is believed");
        assert_eq!(machine.set(-10 * DAY), Moved::Back(10 * DAY));
        assert_eq!(machine.behind(), 0);
        assert_eq!(machine.pass(DAY), Moved::No);
        assert_eq!(machine.behind(), 0);
    }

    #[test]
    fn a_clock_that_was_wrong_and_is_right_now_is_believed_after_a_day_over_restarts_too() {
        let mut machine = Machine::new();
        machine.set(10 * DAY);
        machine.pass(DAY / 2);
        assert_eq!(machine.behind(), 10 * DAY);
        assert_eq!(machine.start_again(HOUR), Moved::No);
        assert_eq!(machine.behind(), 10 * DAY);
        machine.pass(DAY / 2);
        assert_eq!(machine.behind(), 0);
    }

    #[test]
    fn a_machine_that_was_out_is_believed_for_a_week_and_must_prove_more() {
        let mut machine = Machine::new();
        assert_eq!(machine.start_again(6 * DAY), Moved::No);
        assert_eq!(machine.behind(), 0);
        assert_eq!(machine.start_again(30 * DAY), Moved::Away);
        assert_eq!(machine.behind(), 30 * DAY);
        machine.pass(DAY - 1);
        assert_eq!(machine.behind(), 30 * DAY);
        machine.pass(1);
        assert_eq!(machine.behind(), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_while_the_machine_was_out_is_seen() {
        let mut machine = Machine::new();
        machine.set(10 * DAY);
        let Moved::Back(by) = machine.start_again(-10 * DAY) else { panic!("not seen") };
        assert!((by - 10 * DAY).abs() < HOUR);
        assert_eq!(machine.behind(), 0);
    }
}
