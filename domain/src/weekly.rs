//! The weekly summary: what is sent to the owner on Monday at nine, or as soon as anybody can after that, about the week that is over.
//! A *week* is seven days of the machine's time zone, from Monday on.

/// What is known when it is asked whether one is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// `report.weekly`.
    pub wanted: bool,
    /// There is somebody to tell.
    pub owner: bool,
    /// The summary of this week was sent.
    pub told: bool,
    /// Something happened in it.
    pub happened: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Send,
    /// Nothing about this week, now or later.
    Nothing,
}

/// Whether the summary of the last week that is over, and whose Monday at nine has come, is sent. Nobody hears of weeks before it.
pub const fn decide(facts: Facts) -> Verdict {
    if facts.wanted && facts.owner && !facts.told && facts.happened { Verdict::Send } else { Verdict::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sent_once_to_somebody_who_wants_it_about_something() {
        for bits in 0..16_u8 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let facts = Facts { wanted: bit(0), owner: bit(1), told: bit(2), happened: bit(3) };
            let expected = if bits == 0b1011 { Verdict::Send } else { Verdict::Nothing };
            assert_eq!(decide(facts), expected, "{facts:?}");
        }
    }
}
