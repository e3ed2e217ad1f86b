//! Everything that touches the outside: files, processes, the clock, the environment, the database.
//!
//! Thin on purpose: what is *decided* stands in `agentlab_domain`. Roles (bot, worker, supervisor, console) use this
//! crate and never one another.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the crate in which the clock, the environment and processes may be used"
)]

pub mod agent;
pub mod alert;
pub mod backup;
pub mod calendar;
pub mod children;
pub mod clock;
pub mod config;
pub mod crash_history;
pub mod db;
pub mod death;
pub mod detectors;
pub mod diagnosis;
mod digest;
pub mod disk;
pub mod events;
pub mod failpoints;
mod files;
pub mod holder;
pub mod home;
pub mod hooks;
pub mod identity;
pub mod instructions;
pub mod journal;
pub mod kept;
pub mod life;
pub mod lock;
pub mod login;
pub mod memory;
pub mod moving;
pub mod notify;
pub mod ping;
pub mod port;
pub mod program;
pub mod pulse;
pub mod queue;
pub mod recovery;
pub mod redaction;
pub mod release;
pub mod releases;
pub mod reset;
pub mod response;
pub mod restore;
pub mod retention;
pub mod revert;
pub mod room;
pub mod run_dir;
pub mod services;
pub mod skew;
pub mod spawn;
pub mod stillness;
mod stop;
pub mod succession;
pub mod tail;
pub mod telemetry;
pub mod trace;
pub mod transcript;
pub mod usage;
pub mod watch;
