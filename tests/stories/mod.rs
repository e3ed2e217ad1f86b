//! Stories: what a person does, and what must come of it.

mod ask;
mod bad_input;
mod bad_input_tasks;
mod bad_input_updates;
mod bad_input_verbs;
mod chat;
mod checks;
mod checks_hook;
mod intake;
mod lanes;
mod locked;
mod memory;
mod outbox;
mod real_claude;
mod runs;
mod up;
