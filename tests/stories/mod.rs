//! Stories: what a person does, and what must come of it.

mod ask;
mod bad_input;
mod bad_input_tasks;
mod bad_input_updates;
mod bad_input_verbs;
mod breakers;
mod chat;
mod intake;
mod lanes;
mod limits;
mod locked;
mod outbox;
mod real_claude;
mod runs;
mod up;
