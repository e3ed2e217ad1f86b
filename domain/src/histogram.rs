//! Histograms. A *bucket* counts what took at most its bound and longer than the bound before it; what took longer than all of
//! them is counted beyond. Bounds are milliseconds.

/// From the acceptance of a task to its first run, and from its acceptance to its answer.
pub const WAITS: [i64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000];
/// A run.
pub const RUNS: [i64; 13] =
    [500, 1_000, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000];
/// A request to Telegram; one that asks for messages may be held for 25 seconds.
pub const REQUESTS: [i64; 12] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];

/// The bucket of a value: the place of its bound; the number of bounds where it is beyond all of them.
pub fn bucket(bounds: &[i64], ms: i64) -> usize {
    bounds.partition_point(|bound| *bound < ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let bounds = [10, 20];
        for (ms, place) in [(i64::MIN, 0), (0, 0), (10, 0), (11, 1), (20, 1), (21, 2), (i64::MAX, 2)] {
            assert_eq!(bucket(&bounds, ms), place, "{ms}");
        }
        assert_eq!(bucket(&[], 5), 0);
    }

    #[test]
    fn bounds_grow() {
        for bounds in [&WAITS[..], &RUNS, &REQUESTS] {
            assert!(bounds.is_sorted_by(|a, b| a < b) && bounds[0] > 0);
        }
    }
}
