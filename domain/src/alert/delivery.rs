//! Deliveries: whether an alert is to be given on a channel now. *Given* means that the channel has taken it; the cooldown
//! counts from there, not from the moment at which something was noticed.

use std::time::Duration;

/// Why an alert is offered. Whoever offers does so again and again: what is given once stays given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// It happened once: its key says which time.
    Once,
    /// It happened, and may happen again under the same key.
    Event,
    /// It lasts.
    Lasts,
    /// What lasted is over.
    Over,
}

/// What is known of an alert's key on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Given {
    /// For so long it has been given.
    pub since: Duration,
    /// It was given that it lasts, and not that it is over.
    pub open: bool,
}

/// Whether it is given now.
pub fn is_due(occasion: Occasion, given: Option<Given>, cooldown: Duration) -> bool {
    match (occasion, given) {
        (Occasion::Once | Occasion::Event | Occasion::Lasts, None) => true,
        (Occasion::Event | Occasion::Lasts, Some(given)) => given.since >= cooldown,
        (Occasion::Over, Some(given)) => given.open,
        // Nobody needs to hear of the end of what he never heard of.
        (Occasion::Once, Some(_)) | (Occasion::Over, None) => false,
    }
}

/// Waits after tries that failed in a row.
const WAITS: [u64; 5] = [15, 30, 60, 120, 300];

/// How long to wait after the `failed`th try in a row that failed.
pub fn wait(failed: u32) -> Duration {
    let nth = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_secs(WAITS.get(nth).or(WAITS.last()).copied().unwrap_or(300))
}

/// What was not given within this time is given up.
pub const LONGEST: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occasion_meets_everything_that_may_have_been_given() {
        let cooldown = Duration::from_mins(30);
        for occasion in [Occasion::Once, Occasion::Event, Occasion::Lasts, Occasion::Over] {
            for given in
                [None, Some((0, true)), Some((29, false)), Some((29, true)), Some((30, false)), Some((30, true))]
            {
                let expected = match (occasion, given) {
                    (Occasion::Over, given) => given.is_some_and(|(_, open)| open),
                    (Occasion::Once, given) => given.is_none(),
                    (Occasion::Event | Occasion::Lasts, given) => given.is_none_or(|(since, _)| since == 30),
                };
                let given = given.map(|(since, open)| Given { since: Duration::from_mins(since), open });
                assert_eq!(is_due(occasion, given, cooldown), expected, "{occasion:?} {given:?}");
            }
        }
    }

    #[test]
    fn waits_grow_to_five_minutes() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|n| wait(n).as_secs()), [15, 15, 30, 60, 120, 300, 300, 300]);
    }
}
