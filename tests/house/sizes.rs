//! Sizes: a file that is read in one sitting. Tests inside a file count: they are read with it.

use super::tree::{none, production};

/// Lines of a production file at most.
const MOST: usize = 300;
/// Lines of the median production file at most.
const MEDIAN: usize = 150;

#[test]
fn no_production_file_is_longer_than_can_be_read_at_once() {
    let lengths = production().into_iter().map(|source| (source.text.lines().count(), source.path));
    let long: Vec<String> =
        lengths.filter(|(lines, _)| *lines > MOST).map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    none(&long, "split it: a file has one purpose, and at most 300 lines for it");
}

#[test]
fn the_median_file_is_short() {
    let mut lengths: Vec<usize> = production().into_iter().map(|source| source.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN, "the median production file has {median} lines: split what has grown");
}
