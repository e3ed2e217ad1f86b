//! The tests that need the whole program: stories with real processes, and the rules of the house.
#![expect(clippy::disallowed_methods, reason = "tests start processes, read the environment and measure time")]
#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod house;
mod stories;
mod world;
