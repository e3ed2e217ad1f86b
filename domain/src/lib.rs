//! The words and the decisions of agentlab.
//!
//! A *decision* is a function from values (what was observed, what time it is, a draw of chance) to a value (what is
//! to be done). Nothing here reads a clock, a file or a socket, and nothing waits: Cargo guards that, since this crate
//! depends on `serde` and `thiserror` alone.

pub mod age;
pub mod alert;
pub mod answer;
pub mod backup;
pub mod budget;
pub mod chat;
pub mod check;
pub mod circuit;
pub mod command;
pub mod crash;
pub mod exit_code;
pub mod fall;
pub mod hang;
pub mod health;
pub mod histogram;
pub mod holder;
pub mod intake;
pub mod intervention;
pub mod isolation;
pub mod job;
pub mod ladder;
pub mod lane;
pub mod leftover;
pub mod memory;
pub mod moving;
pub mod orphan;
pub mod outbox;
pub mod outcome;
pub mod pace;
pub mod pause;
pub mod plan;
pub mod progress;
pub mod prompt;
pub mod rate;
pub mod report;
pub mod restart;
pub mod retention;
pub mod retry;
pub mod revert;
pub mod role;
pub mod room;
pub mod run;
pub mod schema;
pub mod session;
pub mod text;
pub mod trial;
pub mod unit;
pub mod uptime;
pub mod wall;
pub mod watch;
pub mod weekly;
