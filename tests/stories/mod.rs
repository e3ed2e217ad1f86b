//! Stories: what a person does, and what must come of it.

mod adoption;
mod ask;
mod bad_input;
mod bad_input_tasks;
mod bad_input_updates;
mod bad_input_verbs;
mod chat;
mod held;
mod hostile;
mod intake;
mod interleavings;
mod lanes;
mod locked;
mod outbox;
mod real_claude;
mod real_claude_stop;
mod runs;
mod steps;
mod survival;
mod up;
